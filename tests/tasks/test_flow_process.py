"""What becomes of the forked process. That it runs a flow, and is cancelled, is proven in tests/cloud."""

import subprocess
import sys

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


def test_what_is_imported_before_the_fork_starts_no_thread_that_a_fork_would_lose():
    assert run(IMPORTED).stdout.strip() == "1"
