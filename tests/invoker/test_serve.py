"""The invoker as a process: how it starts, refuses to start, and ends."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing

import httpx
import pytest

from invoker.serve import _gunicorn, listen
from messenger.embedded import EmbeddedMessenger
from messenger.messenger import INVOKER_REQUESTS
from settings import PROJECT, Invoker
from tests.invoker.parts import DAY, KEY, wait_until


@pytest.fixture
def port():
    with listen("127.0.0.1", 0) as listening:
        return listening.getsockname()[1]


@pytest.fixture
def start(tmp_path, prefect, port):
    """Starts `python -m invoker` as the local stack does, and ends it."""
    started = []

    def start(**environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "invoker"],
            cwd=PROJECT,
            env={
                **os.environ,
                "MESSENGER_PATH": str(tmp_path / "messenger.db"),
                "RUNS_PATH": str(tmp_path / "register.db"),
                "RUNS_URL": "",
                "PREFECT_API_URL": prefect.url,
                "INVOKER_PORT": str(port),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def answers(port):
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthcheck").status_code == 204
    except httpx.TransportError:
        return False


def ended(process):
    """All it told until SIGTERM has ended it."""
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=15)[0]


def begin_dispatch(port, prefect, *, slow_by):
    """Returns while the invoker has a dispatch in hand that takes so many seconds."""
    wait_until(lambda: answers(port), within=40, what="the invoker")
    prefect.slow_by = slow_by
    assert httpx.get(f"http://127.0.0.1:{port}/invoke", params={"run_date": DAY}).status_code == 202
    wait_until(lambda: prefect.asked, what="the dispatch to begin")


def test_it_serves_and_ends_in_order_on_sigterm(start, port, prefect):
    process = start()
    wait_until(lambda: answers(port), within=30, what="the invoker")

    accepted = httpx.get(f"http://127.0.0.1:{port}/invoke", params={"run_date": DAY})
    told = ended(process)

    assert accepted.status_code == 202
    assert "Application shutdown complete" in told
    assert "Traceback" not in told


def test_several_workers_take_each_message_once_and_end_in_order(start, port, prefect):
    process = start(INVOKER_WORKERS="2", INVOKER_LOG_FORMAT="json")
    wait_until(lambda: answers(port), within=40, what="the invoker")

    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        days = [f"1998-05-{day:02}" for day in range(1, 21)]
        asked = [client.get("/invoke", params={"run_date": day}, headers={"X-Request-ID": day}) for day in days]
    wait_until(lambda: len(prefect.flow_runs) == 20)
    told = ended(process)

    assert [answer.status_code for answer in asked] == [202] * 20
    assert len([path for _, path, _ in prefect.asked if path.endswith("create_flow_run")]) == 20
    assert process.returncode == 0
    lines = [json.loads(line) for line in told.splitlines()]
    accepted = {line["request_id"] for line in lines if line["message"].startswith("accepted run")}
    dispatched = [line for line in lines if line["message"].startswith("dispatched as flow run")]
    assert accepted == set(days)
    assert {line["run_id"] for line in dispatched} == {f"rfm-{day}-1" for day in days}
    assert all(line["request_id"] for line in dispatched)
    assert {"gunicorn.error", "uvicorn.error"} <= {line["logger"] for line in lines}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_work_in_hand_is_finished_at_the_end(start, port, prefect, tmp_path, workers):
    process = start(INVOKER_WORKERS=workers)
    begin_dispatch(port, prefect, slow_by=1)

    told = ended(process)

    assert process.returncode in (0, -signal.SIGTERM)
    assert prefect.keys() == [KEY]
    assert "dispatched as flow run" in told
    assert left(tmp_path) == []


def test_work_that_takes_too_long_at_the_end_is_given_back(start, port, prefect, tmp_path):
    process = start(INVOKER_GRACEFUL_TIMEOUT="1")
    begin_dispatch(port, prefect, slow_by=60)

    told = ended(process)

    assert "Application shutdown complete" in told
    assert left(tmp_path) == ["rfm-1998-06-30-1"]


def left(folder):
    """The runs whose requests wait for the next invoker."""
    with closing(EmbeddedMessenger(folder / "messenger.db")) as messenger:
        assert messenger.dead_letters() == []
        return [one.attributes["run_id"] for one in messenger.pull(INVOKER_REQUESTS, limit=10, wait=0)]


def test_how_long_workers_may_be_silent_and_take_to_end_are_settings():
    with listen("127.0.0.1", 0) as listening:
        told = _gunicorn(Invoker(workers=3, worker_timeout=7, graceful_timeout=4), listening)

    assert (told["workers"], told["timeout"], told["graceful_timeout"]) == (3, 7, 4)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_taken_port_is_said_in_one_line(start, port, workers):
    with listen("127.0.0.1", port) as taken:
        taken.listen()
        process = start(INVOKER_WORKERS=workers)
        told, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert told.count("\n") == 1
    assert f"127.0.0.1:{port}" in told
    assert "INVOKER_PORT" in told


def test_it_refuses_to_start_open_to_the_world(start):
    process = start(INVOKER_HOST="0.0.0.0")
    told, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "INVOKER_AUTH" in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "0.0.0.0"},
        {"host": "::"},
        {"host": "invoker.internal"},
        {"auth": "google"},
        {"auth": "google", "audiences": "a"},
        {"auth": "google", "audiences": " , ", "accounts": "a@example.com"},
        {"auth": "google", "audiences": "a", "accounts": "b", "push_requests": "s"},
    ],
)
def test_settings_that_would_let_strangers_in_are_refused(wrong):
    with pytest.raises(ValueError, match="INVOKER_"):
        Invoker(**wrong)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.9.9.9"])
def test_loopback_needs_no_tokens(host):
    assert Invoker(host=host).auth == "none"


def test_it_loads_nothing_of_the_work():
    """The contact point stays small, and starts while the workload's packages are not even installed."""
    heavy = (
        "pandas numpy dbt duckdb pandera pyarrow prefect sqlalchemy google.auth google.cloud.pubsub gunicorn psycopg"
    )
    program = f"import sys, invoker.__main__, invoker.app; print(sorted(set({heavy.split()}) & set(sys.modules)))"

    told = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "[]"
