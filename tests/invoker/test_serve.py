"""The invoker as a process: how it starts, refuses to start, and ends."""

import os
import signal
import subprocess
import sys

import httpx
import pytest

from invoker.serve import listen
from settings import PROJECT, Invoker
from tests.invoker.parts import DAY, wait_until


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


def test_it_serves_and_ends_in_order_on_sigterm(start, port, prefect):
    process = start()
    wait_until(lambda: answers(port), within=30, what="the invoker")

    accepted = httpx.get(f"http://127.0.0.1:{port}/invoke", params={"run_date": DAY})
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=15)

    assert accepted.status_code == 202
    assert "Application shutdown complete" in told
    assert "Traceback" not in told


def test_several_workers_take_each_message_once_and_end_in_order(start, port, prefect):
    process = start(INVOKER_WORKERS="2", INVOKER_LOG_FORMAT="json")
    wait_until(lambda: answers(port), within=40, what="the invoker")

    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        days = [f"1998-05-{day:02}" for day in range(1, 21)]
        assert [client.get("/invoke", params={"run_date": day}).status_code for day in days] == [202] * 20
    wait_until(lambda: len(prefect.flow_runs) == 20)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=15)

    assert len([path for _, path, _ in prefect.asked if path.endswith("create_flow_run")]) == 20
    assert process.returncode == 0
    assert "Traceback" not in told


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
