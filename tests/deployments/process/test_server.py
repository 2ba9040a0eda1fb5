"""Runs that are forked look to Prefect like any other: they end, fail, crash and are cancelled the same way."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from deployments.local.parts import POOLS
from tests.deployments.small_stack import SmallStack
from tests.waiting import until

pytestmark = pytest.mark.e2e


def pid_of(note: Path) -> int:
    """The pid of the run, once its flow has begun."""
    text = until(lambda: note.exists() and note.read_text(), 30, "the flow to begin")
    return int(text.split()[0])


def client_of(run: str) -> psutil.Process:
    for process in psutil.process_iter():
        try:
            named = any(word.endswith("process/client.py") for word in process.cmdline())
            if named and process.environ().get("PREFECT__FLOW_RUN_ID") == run:
                return process
        except psutil.Error:
            continue
    raise AssertionError(f"there is no client of flow run {run}")


def is_forked(pid: int) -> bool:
    return any(word.endswith("process/server.py") for word in psutil.Process(pid).cmdline())


def fork_server(stack: SmallStack) -> int:
    return until(lambda: sockets_are_there(stack) and stack.parts().get("fork-server"), 60, "the fork server")


def sockets_are_there(stack: SmallStack) -> bool:
    return all(stack.layout.fork_server_socket(pool).exists() for pool in POOLS)


@pytest.mark.parametrize("pool", POOLS)
def test_a_run_is_forked_and_completes(small_stack, tmp_path, pool):
    run = small_stack.ask(pool, tmp_path / "note", seconds=1)

    pid = pid_of(tmp_path / "note")

    assert is_forked(pid)
    assert small_stack.settled(run)["type"] == "COMPLETED"
    until(lambda: not psutil.pid_exists(pid), 10, "the run's process to end")


def test_a_run_that_raises_is_failed_with_its_error(small_stack, tmp_path):
    state = small_stack.settled(small_stack.ask("orchestrator", tmp_path / "note", fail=True))

    assert state["type"] == "FAILED"
    assert "asked to fail" in state["message"]


def test_a_killed_run_is_crashed(small_stack, tmp_path):
    run = small_stack.ask("orchestrator", tmp_path / "note", seconds=60)

    os.kill(pid_of(tmp_path / "note"), signal.SIGKILL)

    assert small_stack.settled(run)["type"] == "CRASHED"
    assert "-9" in small_stack.state(run)["message"]


def test_a_run_whose_client_is_killed_dies_and_is_crashed(small_stack, tmp_path):
    run = small_stack.ask("orchestrator", tmp_path / "note", seconds=60)
    pid = pid_of(tmp_path / "note")

    client_of(run).kill()

    until(lambda: not psutil.pid_exists(pid), 10, "the run's process to end")
    assert small_stack.settled(run)["type"] == "CRASHED"


def test_a_cancelled_run_ends_and_is_cancelled(small_stack, tmp_path):
    run = small_stack.ask("orchestrator", tmp_path / "note", seconds=60)
    pid = pid_of(tmp_path / "note")

    small_stack.prefect("POST", f"/flow_runs/{run}/set_state", json={"state": {"type": "CANCELLING"}})

    assert small_stack.settled(run)["type"] == "CANCELLED"
    until(lambda: not psutil.pid_exists(pid), 10, "the run's process to end")


def test_changed_code_is_what_the_next_run_executes(small_stack, tmp_path):
    code = small_stack.project / "flows" / "small.py"
    small_stack.settled(small_stack.ask("orchestrator", tmp_path / "before"))

    code.write_text(code.read_text().replace('"first"', '"changed"'))

    small_stack.settled(small_stack.ask("orchestrator", tmp_path / "after"))
    assert (tmp_path / "before").read_text().endswith("first")
    assert (tmp_path / "after").read_text().endswith("changed")


def test_when_libraries_change_the_run_starts_the_ordinary_way_and_the_server_anew(small_stack, tmp_path):
    before = fork_server(small_stack)
    running = small_stack.ask("sql-runner", tmp_path / "running", seconds=3)
    pid_of(tmp_path / "running")

    # the server's own file counts like an installed package
    os.utime(small_stack.project / "deployments" / "process" / "server.py")
    run = small_stack.ask("orchestrator", tmp_path / "note", seconds=1)

    assert not is_forked(pid_of(tmp_path / "note"))
    assert small_stack.settled(run)["type"] == "COMPLETED"
    assert small_stack.settled(running)["type"] == "COMPLETED"
    until(lambda: fork_server(small_stack) != before, 30, "a new fork server")


def test_a_killed_fork_server_takes_its_runs_along_and_comes_back(small_stack, tmp_path):
    run = small_stack.ask("orchestrator", tmp_path / "note", seconds=60)
    pid = pid_of(tmp_path / "note")
    before = fork_server(small_stack)

    os.kill(before, signal.SIGKILL)

    assert small_stack.settled(run)["type"] == "CRASHED"
    until(lambda: not psutil.pid_exists(pid), 10, "the run's process to end")
    until(lambda: small_stack.parts().get("fork-server") not in (None, before), 30, "a new fork server")
    again = small_stack.ask("orchestrator", tmp_path / "again")
    assert small_stack.settled(again)["type"] == "COMPLETED"


def test_a_killed_worker_takes_no_run_along(small_stack, tmp_path):
    run = small_stack.ask("sql-runner", tmp_path / "note", seconds=3)
    pid_of(tmp_path / "note")

    os.kill(small_stack.parts()["workers"], signal.SIGKILL)

    assert small_stack.settled(run)["type"] == "COMPLETED"


def test_what_a_killed_worker_had_taken_and_not_started_is_started_by_the_next(small_stack, tmp_path):
    workers = psutil.Process(small_stack.parts()["workers"])
    workers.suspend()
    run = small_stack.ask("python-app", tmp_path / "note")
    small_stack.prefect("POST", f"/flow_runs/{run}/set_state", json={"state": {"type": "PENDING"}})

    workers.kill()

    assert small_stack.settled(run)["type"] == "COMPLETED"


@pytest.mark.parametrize("together", [True, False])
def test_a_run_that_is_killed_with_its_worker_or_after_it_is_crashed(small_stack, tmp_path, together):
    run = small_stack.ask("orchestrator", tmp_path / "note", seconds=200)
    pid, before = pid_of(tmp_path / "note"), small_stack.parts()["workers"]

    os.kill(before, signal.SIGKILL)
    if not together:
        until(lambda: small_stack.parts().get("workers") not in (None, before), 30, "a new worker")
    os.kill(pid, signal.SIGKILL)

    assert small_stack.settled(run)["type"] == "CRASHED", "long before heartbeats are missed"
