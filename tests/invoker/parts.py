"""What the invoker's tests run on: the real app on real files, and a stand-in for Prefect on loopback."""

import logging
import threading
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

import invoker.app as invoker_app
from invoker.app import create_app
from invoker.serve import listen
from messenger import consume
from messenger.contract import ORCHESTRATE, RunRequest, RunStatus, run_id_of
from messenger.embedded import EmbeddedMessenger
from messenger.messenger import REQUESTS, STATUSES, MessengerUnavailable
from settings import Invoker, Messenger, Prefect, Runs, Settings
from tests.invoker.prefect_stand_in import PrefectStandIn
from tests.waiting import until

DAY = "1998-06-30"
KEY = "rfm-1998-06-30-1/orchestrate"


class BreakableMessenger(EmbeddedMessenger):
    """The real one, which a test can take down."""

    def __init__(self, path, switch):
        super().__init__(path)
        self.switch = switch

    def publish_many(self, topic, messages):
        if self.switch.down:
            raise MessengerUnavailable("taken down by the test")
        return super().publish_many(topic, messages)


def wait_until(condition, within=10.0, what="the condition"):
    return until(condition, within, what)


def settings_for(folder, prefect, messenger=None, **invoker_settings):
    """`messenger`: settings of another one than the embedded."""
    return Settings(
        messenger=messenger or Messenger(path=folder / "messenger.db"),
        runs=Runs(path=folder / "register.db"),
        prefect=Prefect(api_url=prefect.url),
        invoker=Invoker(**invoker_settings),
    )


@contextmanager
def client_of(app):
    """The app behind a real server on a free port of loopback, and a client of it."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on"))
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    serving.start()
    wait_until(lambda: server.started or not serving.is_alive(), what="the server")
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        serving.join()


def request_for(step=ORCHESTRATE, *, run_date=DAY, attempt=1, pipeline="rfm", parameters=None, deadline_in=3600):
    now = datetime.now(UTC)
    day = date.fromisoformat(run_date)
    return RunRequest(
        run_id=run_id_of(pipeline, day, attempt),
        pipeline=pipeline,
        step=step,
        run_date=day,
        attempt=attempt,
        parameters=parameters or {},
        requested_by="a test",
        requested_at=now,
        deadline=now + timedelta(seconds=deadline_in),
    )


def send(messenger, request):
    return messenger.publish(REQUESTS, request.encode(), request.attributes())


def send_status(messenger, request, state, **more):
    status = RunStatus(
        **request.model_dump(include={"run_id", "pipeline", "step", "run_date", "attempt"}),
        state=state,
        at=datetime.now(UTC),
        **more,
    )
    messenger.publish(STATUSES, status.encode(), status.attributes())
    return status


def told(messenger, subscription, within=10.0):
    """The next status on the subscription."""
    deliveries = messenger.pull(subscription, limit=1, wait=within)
    assert deliveries, f"no status within {within:g} s"
    messenger.ack(deliveries[0])
    return RunStatus.model_validate_json(deliveries[0].body)


@pytest.fixture(autouse=True)
def logging_as_before():
    """The app configures the logging of its process; here that is the test runner's."""
    root = logging.getLogger()
    handlers, level, excepthook = root.handlers[:], root.level, threading.excepthook
    found_out = {
        name: getattr(logging, name) for name in ("_srcfile", "logThreads", "logProcesses", "logMultiprocessing")
    }
    yield
    root.handlers[:], root.level, threading.excepthook = handlers, level, excepthook
    for name, value in found_out.items():
        setattr(logging, name, value)


@pytest.fixture
def prefect():
    stand_in = PrefectStandIn().start()
    yield stand_in
    stand_in.stop()


@pytest.fixture
def settings(tmp_path, prefect):
    return settings_for(tmp_path, prefect)


@pytest.fixture
def messenger(settings, monkeypatch):
    """The test's own view of the app's messenger; its `switch.down` takes the app's down as well."""
    switch = SimpleNamespace(down=False)
    messenger = BreakableMessenger(settings.messenger.path, switch)
    messenger.setup()
    monkeypatch.setattr(invoker_app, "open_messenger", lambda _: BreakableMessenger(settings.messenger.path, switch))
    yield messenger
    messenger.close()


@pytest.fixture
def sweeps_soon(monkeypatch):
    monkeypatch.setattr(invoker_app, "SWEEP_AFTER", 0.05)


@pytest.fixture(autouse=True)
def _stops_soon(monkeypatch):
    """A consumer that waits for messages notices the end of the app sooner than in life."""
    monkeypatch.setattr(consume, "LONGEST_PULL", 0.05)


@pytest.fixture
def invoker(settings, messenger):
    with client_of(create_app(settings)) as client:
        yield client


@pytest.fixture
def front(tmp_path, prefect, messenger):
    """The app without its consumers: what is published stays."""
    with client_of(create_app(settings_for(tmp_path, prefect, pull=False))) as client:
        yield client


@pytest.fixture(scope="module")
def refusing(tmp_path_factory):
    """An app of which nothing is accepted, for all tests of a file; and what was published all the same."""
    folder = tmp_path_factory.mktemp("refusing")
    prefect = PrefectStandIn().start()
    with closing(EmbeddedMessenger(folder / "messenger.db")) as messenger:
        messenger.subscribe("published", REQUESTS)
        with client_of(create_app(settings_for(folder, prefect, pull=False))) as client:
            yield client, lambda: messenger.pull("published", limit=10, wait=0)
    prefect.stop()
