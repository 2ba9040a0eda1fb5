"""`make run` ends what it has started, however it ends."""

import signal
import socket
from pathlib import Path

import pytest

from deployments.local.private import private_environment
from tests.deployments.small_stack import SmallStack, make_project
from tests.waiting import until

ORDERS = "order_id,customer_id,order_date,amount\n1,c1,2026-01-05,10.00\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def starting(project, tmp_path):
    """A `run` whose stack is just being started."""
    (tmp_path / "orders.csv").write_text(ORDERS)
    stack = SmallStack(project, private_environment(tmp_path, tmp_path / "orders.csv"))
    process = stack.start("run")
    until(lambda: len(stack.processes()) >= 5, 30, "the stack to start")
    yield stack, process
    process.kill()
    stack.call("down")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_it_ends_every_process_and_fails(starting, number, code):
    stack, process = starting

    process.send_signal(number)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == code, output
    assert stack.processes() == []
    assert not stack.layout.record.exists()


def test_killed_it_takes_every_process_along(starting):
    stack, process = starting

    process.kill()

    until(lambda: stack.processes() == [], 30, "the end of every process")


def test_a_taken_port_is_left_to_its_owner_and_said(project, tmp_path):
    (tmp_path / "orders.csv").write_text(ORDERS)
    stack = SmallStack(project, private_environment(tmp_path, tmp_path / "orders.csv"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = stack.start("run", STACK_PREFECT_PORT=str(port), PYTHONUNBUFFERED="1")
        until(lambda: stack.layout.record.exists(), 30, "the stack to start")
        record = stack.record
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)

    assert f"Port {port} is taken by another process: the Prefect server uses" in output
    assert not record.prefect_ui.endswith(f":{port}")


def test_orders_that_are_missing_are_said_before_anything_starts(project, tmp_path):
    stack = SmallStack(project, private_environment(tmp_path, tmp_path / "none.csv"))

    code, output = stack.call("run")

    assert code == 1
    assert f"{tmp_path / 'none.csv'} does not exist" in output
    assert not stack.layout.root.exists()


@pytest.mark.parametrize("wrong", ["2026-02-30", "20260101", "2026-01-01T00:00", "'; drop table", "None"])
def test_a_wrong_date_is_said_before_anything_starts(project, tmp_path, wrong):
    stack = SmallStack(project, private_environment(tmp_path, tmp_path / "none.csv"))

    code, output = stack.call("run", RUN_DATE=wrong)

    assert code == 1
    assert output.startswith("Failed: RUN_DATE=")
    assert not stack.layout.root.exists()


def test_wrong_settings_are_all_listed(project, tmp_path):
    stack = SmallStack(project, private_environment(tmp_path, tmp_path / "none.csv", STACK_PROCESS_START="maybe"))

    code, output = stack.call("run", MODEL_WINDOW_DAYS="-3")

    assert code == 1
    assert "STACK_PROCESS_START" in output
    assert "MODEL_WINDOW_DAYS" in output
