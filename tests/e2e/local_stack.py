"""A real local stack, and what a test asks of it."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import psutil

from deployments.local.layout import Layout
from deployments.local.leftovers import find_leftovers
from deployments.local.orphans import flow_run_processes
from deployments.local.private import private_environment
from deployments.local.record import Record, read_record
from settings import PROJECT
from tests.waiting import until

TODAY = datetime.now(ZoneInfo("Australia/Sydney")).date()
"""The scheduled runs of this stack are of today, so the orders are of the last weeks."""

UNSCHEDULED = dict.fromkeys(
    ("ORCHESTRATOR_CRON", "ORCHESTRATOR_RECONCILE_CRON", "HEALTH_CRON", "HOUSEKEEPING_CRON"), "0 8 1 1 *"
)
"""So that no scheduled flow run stands in the way of those that the tests ask for."""


@dataclass(frozen=True, slots=True)
class LocalStack:
    folder: Path
    environment: Mapping[str, str]
    record: Record

    def invoke(self, run_date: date | str, **body: Any) -> httpx.Response:
        return httpx.post(f"{self.record.invoker}/invoke", json={"run_date": str(run_date), **body}, timeout=30)

    def run(self, run_id: str) -> dict[str, Any]:
        return httpx.get(f"{self.record.invoker}/runs/{run_id}", timeout=30).raise_for_status().json()

    def runs(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.record.invoker}/runs", timeout=30).raise_for_status().json()["runs"]

    def settled(self, run_id: str, within: float = 180) -> dict[str, Any]:
        return wait_for(lambda: self._final(run_id), within, f"the end of {run_id}")

    def _final(self, run_id: str) -> dict[str, Any] | None:
        run = self.run(run_id)
        return run if run["state"] in ("succeeded", "failed") else None

    def flow_processes(self, flow_run_id: str | None = None) -> list[psutil.Process]:
        """What the workers have started for the flow run, or for any."""
        found = flow_run_processes(self.folder / "stack")
        return [process for carried, process in found if flow_run_id in (None, carried)]

    def command(self, *words: str, within: float = 120) -> subprocess.CompletedProcess[str]:
        """A command as a user would give it, in the stack's environment."""
        with self.started(*words) as command:
            output, _ = command.communicate(timeout=within)
        return subprocess.CompletedProcess(words, command.returncode, output)

    @contextmanager
    def started(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """The running command; it does not outlive the context."""
        command = subprocess.Popen(
            [sys.executable, *words],
            cwd=PROJECT,
            env={**self.environment, "PREFECT_API_URL": self.record.prefect_api},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        try:
            yield command
        finally:
            command.kill()
            command.wait()


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


@contextmanager
def local_stack(folder: Path, up_within: float = 240, **settings: str) -> Iterator[LocalStack]:
    """Up with all its files in the folder, and down at the end with nothing left behind."""
    write_orders(folder / "orders.csv")
    environment = private_environment(folder, folder / "orders.csv", **settings)
    up = [sys.executable, "-m", "deployments.local", "up"]
    down = [sys.executable, "-m", "deployments.local", "down"]
    try:
        # killed when it takes too long, it leaves what it has started: that ends below
        subprocess.run(up, cwd=PROJECT, env=environment, check=True, timeout=up_within)
        record = read_record(Layout(folder / "stack").record)
        assert record is not None
        yield LocalStack(folder, environment, record)
    finally:
        subprocess.run(down, cwd=PROJECT, env=environment, check=True, timeout=90)
    assert find_leftovers(folder / "stack") == []


def wait_for(look: Callable[[], Any], within: float, what: str) -> Any:
    """Until it gives something; what is empty is something, too."""

    def answered() -> tuple[Any] | None:
        found = look()
        return None if found is None else (found,)

    [found] = until(answered, within, what)
    return found
