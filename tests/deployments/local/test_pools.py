import shlex
import sys
from pathlib import Path

from deployments.local.layout import Layout
from deployments.local.pools import pool_template
from settings import PROJECT, Stack

LAYOUT = Layout(Path("/some where/.stack"))


def default(stack: Stack, variable: str) -> str:
    return pool_template(stack, LAYOUT, "sql-runner")["variables"]["properties"][variable]["default"]


def test_a_forked_run_is_started_by_the_client_with_its_pools_socket():
    command = shlex.split(default(Stack(process_start="fork"), "command"))

    assert command[0] == sys.executable
    assert command[-2].endswith("deployments/process/client.py")
    assert command[-1] == "/some where/.stack/sockets/fork-sql-runner"


def test_a_stock_run_is_prefects_own_engine():
    assert shlex.split(default(Stack(process_start="stock"), "command")) == [sys.executable, "-m", "prefect.engine"]


def test_runs_start_in_the_project():
    assert default(Stack(), "working_dir") == str(PROJECT)
