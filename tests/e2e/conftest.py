"""One real stack for all end-to-end tests: Prefect server, workers, invoker, in a folder of their own."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from deployments.local.layout import Layout
from deployments.local.leftovers import find_leftovers
from deployments.local.private import private_environment
from deployments.local.record import read_record
from settings import PROJECT
from tests.e2e.local_stack import TODAY, LocalStack


def write_orders(path: Path) -> None:
    """Three hundred customers with one to nine orders each in the last 300 days, some of them refunded."""
    lines = ["order_id,customer_id,order_date,amount"]
    for customer in range(300):
        for order in range(1 + customer % 9):
            day = TODAY - timedelta(days=(customer * 7 + order * 31) % 300)
            lines.append(f"{customer}-{order},c{customer:04},{day},{(customer * 37 + order * 11) % 500 + 1}.50")
    lines.append(f"x-1,,{TODAY},5.00")
    lines.append(f"x-2,c0001,{TODAY},a lot")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("e2e")
    write_orders(folder / "orders.csv")
    environment = private_environment(folder, folder / "orders.csv", ORCHESTRATOR_CRON="* * * * *")
    up = [sys.executable, "-m", "deployments.local", "up"]
    down = [sys.executable, "-m", "deployments.local", "down"]
    subprocess.run(up, cwd=PROJECT, env=environment, check=True, timeout=180)
    try:
        record = read_record(Layout(folder / "stack").record)
        assert record is not None
        yield LocalStack(folder, environment, record)
    finally:
        subprocess.run(down, cwd=PROJECT, env=environment, check=True, timeout=60)
    assert find_leftovers(folder / "stack") == []
