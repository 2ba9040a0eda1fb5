"""The report of a million customers, from the warehouse to the page: seconds, memory, bytes. `make bench-report`.

Each measurement is a process of its own, so that its memory is that of the report alone; the scores are made before.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from benchmarks.machine import keep
from messenger.contract import RunRequest, run_id_of
from rfm.read_rules import rules_named
from warehouse.duckdb import DuckDBWarehouse
from workload.score import score

LAST, WINDOW = date(2026, 6, 29), 720
BOUNDS = {"seconds": 10.0, "megabytes": 1024.0, "page_bytes": 2_000_000}
TABLE = """
    create table if not exists rfm_features (
        customer_id varchar, run_date date, recency integer, frequency integer, monetary decimal(18, 2), run_id varchar
    )
"""
LEDGER = "insert into run_ledger values (?, 'rfm', 'features', ?, 1, '', ?, now()::timestamp)"
FEATURES = """
    insert into rfm_features
    select 'c' || range, $run_date::date, (hash(range, 1) % 720)::integer, 1 + (hash(range, 2) % 7)::integer,
        (hash(range, 3 + $shift::integer) % 40000)::decimal(18, 2) / 100, $run_id
    from range($customers::bigint)
"""


def prepare(path: Path, customers: int, days: int) -> str:
    """Scores the customers on some days; returns the last run."""
    warehouse = DuckDBWarehouse(path, lock_wait=5)
    warehouse.prepare()
    for shift in range(days):
        request = request_of(LAST - timedelta(days=7 * (days - 1 - shift)))
        with duckdb.connect(str(path)) as connection:
            connection.execute(TABLE)
            written = {"run_date": request.run_date, "run_id": request.run_id, "customers": customers, "shift": shift}
            connection.execute(FEATURES, written)
            connection.execute(LEDGER, [request.run_id, request.run_date, json.dumps({"customers": customers})])
        score(warehouse, request, rules_named("quintile"), window_days=WINDOW)
    return request.run_id


def request_of(run_date: date) -> RunRequest:
    now = datetime.now(UTC)
    return RunRequest(
        run_id=run_id_of("rfm", run_date, 1),
        pipeline="rfm",
        step="scoring",
        run_date=run_date,
        attempt=1,
        requested_by="benchmark",
        requested_at=now,
        deadline=now + timedelta(hours=1),
    )


def measure(path: Path, run_id: str) -> dict[str, float]:
    """In this process: imports, figures, page."""
    start = time.perf_counter()
    from reports.page import page_of
    from workload.figures import Looks, report_of

    imported = time.perf_counter()
    made = report_of(DuckDBWarehouse(path, lock_wait=5), run_id, Looks())
    counted = time.perf_counter()
    page = page_of(made)
    drawn = time.perf_counter()
    return {
        "imports": imported - start,
        "figures": counted - imported,
        "page": drawn - counted,
        "seconds": drawn - start,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "page_bytes": len(page.encode()),
        "data_bytes": len(made.model_dump_json().encode()),
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--days", type=int, default=3, help="run_dates with scores of all customers")
    arguments.add_argument("--times", type=int, default=3)
    arguments.add_argument("--one", nargs=2, metavar=("WAREHOUSE", "RUN_ID"), help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.one:
        print(json.dumps(measure(Path(given.one[0]), given.one[1])))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "warehouse.duckdb"
        run_id = prepare(path, given.customers, given.days)
        command = [sys.executable, "-m", "benchmarks.bench_report", "--one", str(path), run_id]
        found = [json.loads(subprocess.check_output(command, text=True)) for _ in range(given.times)]
    medians = {name: round(statistics.median(one[name] for one in found), 2) for name in found[0]}
    lines = [f"{given.customers:,} customers on {given.days} run_dates, median of {given.times}.", ""]
    lines += ["| what | measured | at the most |", "|---|---|---|"]
    lines += [f"| {name} | {value:,} | {BOUNDS.get(name, '')} |" for name, value in medians.items()]
    about = {"customers": given.customers, "days": given.days, "times": given.times}
    keep("report", {**about, "median": medians, "all": found}, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
