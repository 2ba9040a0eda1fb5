import shlex
import sys
from pathlib import Path

from deployments.local.layout import Layout
from deployments.local.pools import pool_template
from settings import PROJECT, Stack

LAYOUT = Layout(Path("/some where/.stack"))


def default(stack: Stack, variable: str) -> str:
    return pool_template(stack, LAYOUT, "sql-runner")["variables"]["properties"][variable]["default"]


def executed(stack: Stack) -> list[str]:
    """What the shell, which only leads the output to a file, becomes."""
    shell, option, line = shlex.split(default(stack, "command"))
    assert (shell, option) == ("/bin/sh", "-c")
    assert line.startswith("exec ")
    assert line.endswith(" >> '/some where/.stack/logs/flow-runs.log' 2>&1")
    return shlex.split(line.removeprefix("exec ").partition(" >> ")[0])


def test_a_forked_run_is_started_by_the_client_with_its_pools_socket():
    command = executed(Stack(process_start="fork"))

    assert command[0] == sys.executable
    assert command[-2].endswith("deployments/process/client.py")
    assert command[-1] == "/some where/.stack/sockets/fork-sql-runner"


def test_a_stock_run_is_prefects_own_engine():
    assert executed(Stack(process_start="stock")) == [sys.executable, "-m", "prefect.engine"]


def test_runs_start_in_the_project():
    assert default(Stack(), "working_dir") == str(PROJECT)
