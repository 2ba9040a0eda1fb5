"""How fast the invoker answers about customers, how long it takes to publish them, and to draw the start page.

`make bench-asking`. The invoker runs as in the local stack, its consumers at work; once more with two processes. Client
and invoker share the machine. The invoker's own CPU time is measured beside: other work on the machine changes it less.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import psutil

from benchmarks.asking_page import first_visits
from benchmarks.bench_invoker import running
from benchmarks.machine import keep
from messenger.contract import RunRequest, run_id_of
from rfm.read_rules import rules_named
from tests.invoker.load import request, send
from warehouse.duckdb import DuckDBWarehouse
from workload.publish import publish
from workload.score import score
from workload.snapshot import publish_snapshot

RUN_DATES, PROCESSES = 13, 2
CONNECTIONS, REQUESTS = 32, 6400
PACE = 500.0
"""Below what one process can answer: without it, 32 connections that ask again at once measure their own queue."""
TURNS = 3
"""The paced look-up that is told is the one with the median p99, for a stall hits many at once."""
RUN_DATE = date(1998, 6, 30)
FEATURES = """
create table rfm_features as
select
    lpad(i::varchar, 8, '0') as customer_id,
    $run_date::date as run_date,
    (hash(i) % 720)::integer as recency,
    (1 + hash(i + 1) % 9)::integer as frequency,
    ((hash(i + 2) % 100000) / 100)::decimal(18, 2) as monetary,
    $run_id as run_id
from range($customers) as t (i)
"""
TARGET = (
    "To reach with 1,000,000 customers and 32 connections: GET /customers/{id} with p99 of 20 ms, 300 POST /score a"
    " second; the first visit of the start page drawn in 1000 ms; a run slowed by 2 s at the most."
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Milliseconds from request to answer; `cpu` is the invoker's for one request."""

    what: str
    per_second: float
    p50: float
    p99: float
    worst: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Published:
    """Seconds, MiB."""

    files: float
    snapshot: float
    size: float


def given_scores(warehouse: DuckDBWarehouse, path: Path, customers: int) -> RunRequest:
    wanted = _request()
    with duckdb.connect(str(path)) as connection:
        connection.execute(FEATURES, {"run_date": RUN_DATE, "run_id": wanted.run_id, "customers": customers})
        connection.execute(
            "insert into run_ledger values (?, 'rfm', 'features', ?, 1, '', ?, now()::timestamp)",
            [wanted.run_id, RUN_DATE, f'{{"customers": {customers}}}'],
        )
    score(warehouse, wanted, rules_named("quintile"), window_days=720)
    return wanted


def _request() -> RunRequest:
    now = datetime.now(UTC)
    return RunRequest(
        run_id=run_id_of("rfm", RUN_DATE, 1),
        pipeline="rfm",
        step="scoring",
        run_date=RUN_DATE,
        attempt=1,
        requested_by="benchmark",
        requested_at=now,
        deadline=now + timedelta(hours=1),
    )


def publication(folder: Path, customers: int) -> Published:
    """Publishes so many customers; the same snapshot stands for the earlier run_dates, each in a file of its own."""
    path = folder / "warehouse.duckdb"
    warehouse = DuckDBWarehouse(path, lock_wait=5)
    warehouse.prepare()
    wanted = given_scores(warehouse, path, customers)
    began = time.perf_counter()
    publish(warehouse, wanted, folder / "published")
    published = time.perf_counter()
    snapshot = publish_snapshot(warehouse, wanted, folder / "published", keep=RUN_DATES)
    took = time.perf_counter() - published
    content = snapshot.read_bytes()
    for back in range(1, RUN_DATES):
        snapshot.with_name(f"{RUN_DATE - timedelta(days=7 * back)}.sqlite").write_bytes(content)
    return Published(round(published - began, 1), round(took, 1), round(len(content) / 2**20, 1))


def measure(
    what: str,
    port: int,
    processes: Sequence[psutil.Process],
    ask: Callable[[], bytes],
    per_second: float | None = None,
) -> Figures:
    def requests(number: int) -> Iterator[bytes]:
        return (ask() for _ in range(number))

    def spent() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    send(port, requests(REQUESTS // 10), connections=CONNECTIONS)
    cpu, began = spent(), time.perf_counter()
    asked = send(port, requests(REQUESTS), connections=CONNECTIONS, per_second=per_second)
    took, cpu = time.perf_counter() - began, spent() - cpu
    if wrong := [one for one in asked if one.status != 200]:
        raise SystemExit(f"{len(wrong)} of {len(asked)} were answered otherwise: {wrong[0]}")
    ordered = sorted(1000 * one.seconds for one in asked)
    p50, p99 = (round(ordered[int(len(ordered) * part)], 1) for part in (0.5, 0.99))
    rate, each = round(len(asked) / took, 1), round(1000 * cpu / len(asked), 2)
    return Figures(what, rate, p50, p99, round(ordered[-1], 1), each)


def _invoker(port: int) -> Sequence[psutil.Process]:
    """The process that listens, and those that gunicorn has started."""
    for child in psutil.Process().children():
        if any(one.laddr[1] == port for one in child.net_connections() if one.status == psutil.CONN_LISTEN):
            return [child, *child.children(recursive=True)]
    raise SystemExit(f"no process of ours listens on {port}")


def one_score() -> bytes:
    return request("POST", "/score", {"recency": random.randrange(720), "frequency": 2, "monetary": 142.32})


def answers(folder: Path, customers: int) -> tuple[list[Figures], Sequence[float]]:
    """And the milliseconds that first visits of the start page took."""

    def one_customer() -> bytes:
        return request("GET", f"/customers/{random.randrange(customers):08}")

    found: list[Figures] = []
    visits: Sequence[float] = []
    for dates, processes in ((1, 1), (RUN_DATES, 1), (RUN_DATES, PROCESSES)):
        settings = {
            "PUBLISHED_PATH": str(folder / "published"),
            "PUBLISHED_SNAPSHOTS": str(dates),
            "INVOKER_WORKERS": str(processes),
        }
        with tempfile.TemporaryDirectory() as own, running(Path(own), **settings) as port:
            invoker = _invoker(port)
            of = f"{dates} run_date{'s' * (dates > 1)}, {processes} process{'es' * (processes > 1)}"
            found.append(measure(f"GET /customers/{{id}}, {of}", port, invoker, one_customer))
            if dates == 1:
                paced = f"GET /customers/{{id}}, {of}, {PACE:g} a second"
                turns = [measure(paced, port, invoker, one_customer, per_second=PACE) for _ in range(TURNS)]
                found.append(sorted(turns, key=lambda figures: figures.p99)[TURNS // 2])
                found.append(measure("POST /score, 1 process", port, invoker, one_score))
            elif processes == 1:
                visits = first_visits(port)
    return found, visits


def table(customers: int, published: Published, rows: Sequence[Figures], visits: Sequence[float]) -> str:
    head = f"{CONNECTIONS:2} connections{'':46}   a second    p50 ms    p99 ms  worst ms    CPU ms"
    lines = [
        f"{row.what:60} {row.per_second:10.1f} {row.p50:9.1f} {row.p99:9.1f} {row.worst:9.1f} {row.cpu:9.2f}"
        for row in rows
    ]
    told = (
        f"Publishing {customers:,} customers: {published.files} s for the files, within the run; {published.snapshot} s"
        f" for the snapshot of {published.size} MiB, when it has ended"
    )
    drawn = f"First visit of the start page, everything drawn: {', '.join(f'{one:.0f}' for one in visits)} ms"
    return "\n".join([head, *lines, "", told, drawn, TARGET])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    customers = arguments.parse_args().customers
    with tempfile.TemporaryDirectory() as folder:
        published = publication(Path(folder), customers)
        rows, visits = answers(Path(folder), customers)
    kept = {
        "customers": customers,
        "connections": CONNECTIONS,
        "publication": asdict(published),
        "rows": [asdict(row) for row in rows],
        "first_visits": visits,
    }
    keep("asking", kept, table(customers, published, rows, visits))


if __name__ == "__main__":
    main()
