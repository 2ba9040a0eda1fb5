"""How long a message takes to become a flow run of the real local Prefect server, and to be acknowledged.

The stack's pools are paused, so that flow runs are made and not carried out: the dispatch is measured alone.
"""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx

from benchmarks.bench_loop import running
from deployments.demo_data import fetch
from deployments.local.parts import POOLS
from messenger.contract import RunRequest, run_id_of
from messenger.embedded import EmbeddedMessenger
from messenger.messenger import INVOKER_REQUESTS, REQUESTS
from settings import get_settings

MESSAGES = 100
WARM_UP = 10
WITHIN = 30.0
"""Seconds after which a message that was not acknowledged makes the benchmark fail."""
WAITING = f"SELECT count(*) FROM deliveries WHERE subscription = '{INVOKER_REQUESTS}'"
P50 = 300
"""Milliseconds to reach."""


@dataclass(frozen=True, slots=True)
class Dispatched:
    """In milliseconds, from before `publish` to the acknowledgement."""

    what: str
    messages: int
    p50: float
    p99: float


def dispatched() -> Sequence[Dispatched]:
    fetch(get_settings().source.path)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "stack", "fork") as stack:
        _pause(stack.record.prefect_api)
        with _messenger(Path(stack.environment["MESSENGER_PATH"])) as (messenger, file):
            requests = [_request(number) for number in range(WARM_UP + MESSAGES)]
            new = [_milliseconds(messenger, file, request) for request in requests][WARM_UP:]
            known = [_milliseconds(messenger, file, request) for request in requests][WARM_UP:]
    return [_figures("a new flow run", new), _figures("a flow run that exists", known)]


def _pause(prefect_api: str) -> None:
    for pool in POOLS:
        httpx.patch(f"{prefect_api}/work_pools/{pool}", json={"is_paused": True}, timeout=30).raise_for_status()


@contextmanager
def _messenger(path: Path) -> Iterator[tuple[EmbeddedMessenger, sqlite3.Connection]]:
    """To publish, and to look whether what was published is still there."""
    with closing(EmbeddedMessenger(path)) as messenger, closing(sqlite3.connect(path)) as file:
        yield messenger, file


def _request(number: int) -> RunRequest:
    now, day = datetime.now(UTC), date(1998, 6, 30) - timedelta(days=number)
    return RunRequest(
        run_id=run_id_of("rfm", day, 1),
        pipeline="rfm",
        step="features",
        run_date=day,
        attempt=1,
        requested_by="make bench-invoker",
        requested_at=now,
        deadline=now + timedelta(hours=1),
    )


def _milliseconds(messenger: EmbeddedMessenger, file: sqlite3.Connection, request: RunRequest) -> float:
    began = time.perf_counter()
    messenger.publish(REQUESTS, request.encode(), request.attributes())
    while file.execute(WAITING).fetchone()[0]:
        if time.perf_counter() - began > WITHIN:
            raise SystemExit(f"{request.key} was not acknowledged within {WITHIN:g} s")
        time.sleep(0.002)
    return 1000 * (time.perf_counter() - began)


def _figures(what: str, took: Sequence[float]) -> Dispatched:
    ordered = sorted(took)
    p99 = ordered[int(len(ordered) * 0.99)]
    return Dispatched(what, len(ordered), round(statistics.median(ordered), 1), round(p99, 1))


def table(rows: Sequence[Dispatched]) -> str:
    head = f"{'from message to':38} {'messages':>10}    p50 ms    p99 ms"
    lines = [f"{row.what:38} {row.messages:10} {row.p50:9.1f} {row.p99:9.1f}" for row in rows]
    return "\n".join([head, *lines, "", f"To reach: p50 of {P50} ms, on the local Prefect server."])
