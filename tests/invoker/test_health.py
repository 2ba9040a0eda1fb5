"""GET /healthcheck and /readiness."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import invoker.app as invoker_app
from invoker import consumer, ready
from invoker.app import NotSetUp, create_app
from messenger.embedded import EmbeddedMessenger
from settings import Messenger
from tests.invoker.parts import DAY, KEY, client_of, wait_until


def test_the_healthcheck_needs_nothing(front, prefect, messenger, settings):
    prefect.stop()
    settings.runs.path.unlink()

    answer = front.get("/healthcheck")

    assert (answer.status_code, answer.content) == (204, b"")


def test_everything_within_reach_is_ready(front):
    answer = front.get("/readiness")

    assert (answer.status_code, answer.json()) == (200, {"messenger": "ok", "register": "ok", "prefect": "ok"})


def test_prefect_down_is_named(front, prefect):
    prefect.stop()

    answer = front.get("/readiness")

    assert answer.status_code == 503
    assert "cannot be reached" in answer.json()["prefect"]
    assert (answer.json()["messenger"], answer.json()["register"]) == ("ok", "ok")


def test_a_subscription_that_is_gone_is_named(front, messenger):
    messenger.unsubscribe("requests-invoker")

    answer = front.get("/readiness")

    assert answer.status_code == 503
    assert "requests-invoker" in answer.json()["messenger"]


@pytest.fixture
def looks(messenger, monkeypatch):
    """How often the Messenger was looked at, and what it waits for meanwhile."""
    looks = Looks()
    monkeypatch.setattr(type(messenger), "missing", lambda _: looks.look())
    return looks


class Looks:
    def __init__(self):
        self.count = 0
        self.answers = threading.Event()
        self.answers.set()

    def look(self):
        self.count += 1
        self.answers.wait(30)
        return []


def test_many_who_ask_share_one_look(looks, front):
    before = looks.count

    answers = [front.get("/readiness").status_code for _ in range(20)]

    assert answers == [200] * 20
    assert looks.count - before == 1


def test_a_part_that_does_not_answer_is_named_and_waited_for_by_one_look(looks, front, monkeypatch):
    monkeypatch.setattr(ready, "WITHIN", 0.1)
    monkeypatch.setattr(ready, "KEPT", 0)
    before = looks.count
    looks.answers.clear()

    with ThreadPoolExecutor(8) as at_once:
        answers = list(at_once.map(lambda _: front.get("/readiness"), range(24)))
    held = looks.count - before
    looks.answers.set()

    assert {answer.json()["messenger"] for answer in answers} == {"no answer in 0.1 s"}
    assert held == 1
    wait_until(lambda: front.get("/readiness").status_code == 200)


@pytest.fixture
def broken(messenger, monkeypatch):
    """The app's Messenger has a fault, which no caller of it expects, until the test mends it."""
    broken, pull = threading.Event(), type(messenger).pull
    broken.set()

    def pull_or_break(self, *args, **options):
        if broken.is_set():
            raise ValueError("customer c07")
        return pull(self, *args, **options)

    monkeypatch.setattr(type(messenger), "pull", pull_or_break)
    monkeypatch.setattr(ready, "KEPT", 0)
    return broken


def test_that_no_messages_are_taken_is_named(broken, settings, capsys):
    with client_of(create_app(settings)) as client:
        said = wait_until(lambda: (one := client.get("/readiness")).text.count("is not taken from") == 2 and one)

    assert said.status_code == 503
    assert "requests-invoker is not taken from: ValueError, test_health.py:" in said.json()["messenger"]
    told = capsys.readouterr().out
    assert "requests-invoker is not taken from, trying again" in told
    assert "c07" not in said.text + told


def test_the_taking_of_messages_is_begun_again_when_it_breaks(broken, settings, prefect, monkeypatch):
    monkeypatch.setattr(consumer, "BEGUN_AGAIN_AFTER", 0.05)
    with client_of(create_app(settings)) as client:
        wait_until(lambda: client.get("/readiness").status_code == 503)
        assert client.get("/invoke", params={"run_date": DAY}).status_code == 202

        broken.clear()

        wait_until(lambda: prefect.keys() == [KEY])
        wait_until(lambda: client.get("/readiness").status_code == 200)


def test_a_broker_that_is_not_set_up_stops_the_start_with_the_whole_list(settings, monkeypatch):
    """Only the embedded Messenger is set up by the invoker itself."""
    elsewhere = settings.model_copy(
        update={"messenger": Messenger(kind="pubsub", project="p", path=settings.messenger.path)}
    )
    monkeypatch.setattr(invoker_app, "open_messenger", lambda _: EmbeddedMessenger(settings.messenger.path))

    async def start():
        app = create_app(elsewhere)
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(NotSetUp, match=r"(?s)requests-invoker.*statuses-register"):
        asyncio.run(start())
