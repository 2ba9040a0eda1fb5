"""What becomes of the forked process. That it runs a flow, and is cancelled, is proven in tests/cloud."""

import signal
import socket
import subprocess
import sys
from uuid import UUID

import psutil
import pytest

from settings import PROJECT

LET_GO = """
from tasks.flow_process import FlowProcess
with FlowProcess() as process:
    process.begin({"PREFECT__FLOW_RUN_ID": "no-such-id"})
    process.wait()
    print(process.returncode)
"""
KILLED = """
import os, signal
from tasks.flow_process import FlowProcess
with FlowProcess() as process:
    os.kill(process.pid, signal.SIGKILL)
    process.begin({"A": "b"})
    process.wait()
    print(process.returncode)
"""
NEVER_LET_GO = """
from tasks.flow_process import FlowProcess
with FlowProcess() as process:
    print(process.pid)
    {what_happens}
"""
RAISED_AFTER_IT_BEGAN = """
from tasks.flow_process import FlowProcess
with FlowProcess() as process:
    print(process.pid)
    process.begin({"PREFECT__FLOW_RUN_ID": "%s", "PREFECT_API_URL": "%s"})
    raise SystemExit(143)
"""
NOT_WATCHED_ANY_MORE = """
import anyio
from prefect.runner._control_channel import ControlChannel
from types import SimpleNamespace
from uuid import UUID
from tasks.flow_process import FlowProcess, FlowProcessStarter

async def lose_the_watch(process):
    starter = FlowProcessStarter(process, ControlChannel())
    async with anyio.create_task_group() as group:
        await group.start(starter.start, SimpleNamespace(id=UUID("%s")))
        group.cancel_scope.cancel()

with FlowProcess() as process:
    anyio.run(lose_the_watch, process)
print(process.returncode)
"""
IMPORTED = """
import threading
import tasks.execute
print(threading.active_count())
"""


def run(code):
    return subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120)


def test_it_becomes_the_engine_with_the_variables_it_is_told_and_its_exit_code_is_known():
    done = run(LET_GO)

    assert done.stdout.strip() == "1"
    assert "Invalid flow run id" in done.stderr


def test_one_that_is_dead_already_does_not_hinder_who_lets_it_go():
    done = run(KILLED)

    assert (done.stdout.strip(), done.returncode) == ("-9", 0), done.stderr


@pytest.mark.parametrize("what_happens", ["pass", "raise SystemExit(143)"])
def test_one_that_was_never_let_go_is_gone_at_the_end(what_happens):
    done = run(NEVER_LET_GO.format(what_happens=what_happens))

    assert not psutil.pid_exists(int(done.stdout))


@pytest.fixture
def mute_prefect():
    """It takes connections and never answers, so that the engine waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api"


def test_one_that_was_let_go_is_gone_when_its_watch_ends_before_it(mute_prefect):
    done = run(RAISED_AFTER_IT_BEGAN % (UUID(int=1), mute_prefect))

    assert done.returncode == 143
    assert not psutil.pid_exists(int(done.stdout))


def test_one_whose_watch_is_cancelled_is_killed_and_does_not_run_to_its_end(mute_prefect, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", mute_prefect)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", str(UUID(int=1)))

    done = run(NOT_WATCHED_ANY_MORE % UUID(int=1))

    assert done.stdout.strip() == str(-signal.SIGKILL), done.stderr


def test_what_is_imported_before_the_fork_starts_no_thread_that_a_fork_would_lose():
    assert run(IMPORTED).stdout.strip() == "1"
