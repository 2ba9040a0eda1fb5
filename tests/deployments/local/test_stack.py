"""The stack is one, comes back from anything, and leaves nothing behind."""

import os
import signal

import httpx
import psutil
import pytest

from tests.waiting import until

pytestmark = pytest.mark.e2e


def deployments(stack) -> set[str]:
    return {one["name"] for one in stack.prefect("POST", "/deployments/filter", json={})}


def test_two_ups_at_once_give_one_stack(small_stack):
    supervisor = small_stack.record.supervisor

    both = [small_stack.start("up") for _ in range(2)]
    outputs = [one.communicate(timeout=60)[0] for one in both]

    assert [one.returncode for one in both] == [0, 0], outputs
    assert small_stack.record.supervisor == supervisor
    assert sum("supervisord" in " ".join(one.cmdline()) for one in small_stack.processes()) == 1


def test_the_users_own_prefect_is_left_alone(small_stack):
    worker = psutil.Process(small_stack.parts()["workers"])

    prefect = {name: value for name, value in worker.environ().items() if name.startswith("PREFECT_")}

    assert prefect["PREFECT_API_URL"] == small_stack.record.prefect_api
    assert prefect["PREFECT_HOME"].startswith(str(small_stack.layout.root))
    assert "PREFECT_API_DATABASE_CONNECTION_URL" not in prefect


def test_only_loopback_is_listened_on(small_stack):
    listening = {
        connection.laddr.ip
        for process in small_stack.processes()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert listening == {"127.0.0.1"}


def test_a_crashed_part_is_started_again(small_stack):
    before = small_stack.parts()["invoker"]

    os.kill(before, signal.SIGKILL)

    until(lambda: small_stack.parts().get("invoker") not in (None, before), 20, "a new invoker")
    until(lambda: answers(f"{small_stack.record.invoker}/healthcheck"), 30, "its health")


def test_a_killed_database_recovers(small_stack, tmp_path):
    before = small_stack.parts()["postgres"]

    os.kill(before, signal.SIGKILL)

    until(lambda: small_stack.parts().get("postgres") not in (None, before), 20, "a new Postgres")
    until(lambda: answers(f"{small_stack.record.prefect_api}/ready"), 60, "the server to reach it")
    assert small_stack.settled(small_stack.ask("orchestrator", tmp_path / "note"))["type"] == "COMPLETED"


def test_status_shows_every_part(small_stack):
    code, output = small_stack.call("status", COLUMNS="120")

    assert code == 0
    for part in ("postgres", "prefect-server", "workers", "invoker", "fork-server"):
        assert part in output
    assert small_stack.record.prefect_ui in output


def test_other_settings_than_the_running_stacks_are_refused(small_stack):
    code, output = small_stack.call("up", MODEL_WINDOW_DAYS="30")

    assert code == 1
    assert "MODEL_WINDOW_DAYS" in output
    assert "make down" in output


def test_killed_in_the_middle_nothing_survives_and_it_comes_up_again(small_stack, tmp_path):
    small_stack.ask("orchestrator", tmp_path / "note", seconds=60)
    until((tmp_path / "note").exists, 30, "the flow to begin")
    registered = deployments(small_stack)

    os.kill(small_stack.record.supervisor.pid, signal.SIGKILL)

    until(lambda: small_stack.processes() == [], 15, "the end of every process")
    code, output = small_stack.call("up")
    assert code == 0, output
    assert deployments(small_stack) == registered


def answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).is_success
    except httpx.TransportError:
        return False
