"""One way to get from orders to scores, as a process of its own: python -m benchmarks.scoring_contenders NAME ...

Imports come first; the process then prints, as JSON, the seconds of the work alone and of its parts.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.scoring_orders import RUN_DATE

WINDOW_DAYS = 720
Seconds = Mapping[str, float]


def project(orders: Path, folder: Path, memory_limit: str) -> Callable[[], Seconds]:
    """From the orders to committed scores in the warehouse file: what the flows do, without Prefect."""
    from datetime import UTC, datetime

    import dbt.cli.main
    import dbt.task.build  # noqa: F401

    from messenger.contract import RunRequest, run_id_of
    from rfm.read_rules import rules_named
    from settings import Model, Settings, Source, Stack, Warehouse
    from wiring import open_warehouse
    from workload.features import build_features
    from workload.score import score
    from workload.sql import require_published

    settings = Settings(
        source=Source(path=orders),
        model=Model(window_days=WINDOW_DAYS),
        warehouse=Warehouse(path=folder / "warehouse.duckdb", memory_limit=memory_limit),
        stack=Stack(path=folder / "stack"),
    )
    now = datetime.now(UTC)
    common = {"pipeline": "rfm", "run_date": RUN_DATE, "attempt": 1, "requested_by": "benchmark"}
    requests = [
        RunRequest(run_id=run_id_of("rfm", RUN_DATE, 1), step=step, requested_at=now, deadline=now, **common)
        for step in ("features", "scoring")
    ]
    rules = rules_named("quintile")

    def work() -> Seconds:
        warehouse = open_warehouse(settings)
        warehouse.prepare()
        build = build_features(requests[0], settings)
        require_published(build)
        began = time.perf_counter()
        score(warehouse, requests[1], rules, window_days=WINDOW_DAYS)
        scoring = time.perf_counter() - began
        nodes = {f"dbt: {node.name[:40]}": node.seconds for node in build.nodes if node.seconds >= 0.5}
        return {"parse": build.parse_seconds, "features": build.build_seconds, "scoring": scoring, **nodes}

    return work


def bare_sql(orders: Path, folder: Path, memory_limit: str) -> Callable[[], Seconds]:
    """What an expert would write by hand for this one file: the same rules for rows, orders, edges and segments."""
    import duckdb

    statements = (Path(__file__).parent / "scoring_bare.sql").read_text()
    values = {"orders": orders, "folder": folder, "run_date": RUN_DATE, "window_days": WINDOW_DAYS}
    for name, value in values.items():
        statements = statements.replace("{" + name + "}", str(value))

    def work() -> Seconds:
        with duckdb.connect(str(folder / "bare.duckdb")) as connection:
            if memory_limit:
                connection.execute(f"set memory_limit = '{memory_limit}'")
            connection.execute(statements)
        return {}

    return work


def scan(orders: Path, _folder: Path, _memory_limit: str) -> Callable[[], Seconds]:
    """Every value of the columns is looked at once, and nothing is kept: nobody can be faster."""
    import duckdb

    def work() -> Seconds:
        with duckdb.connect() as memory:
            memory.execute(
                """
                select sum(hash(order_id)::hugeint), sum(hash(customer_id)::hugeint), max(order_date), sum(amount)
                from read_parquet(?)
                """,
                [str(orders)],
            ).fetchall()
        return {}

    return work


def pandas_qcut(orders: Path, folder: Path, _memory_limit: str) -> Callable[[], Seconds]:
    """groupby and qcut as in most notebooks: all in memory, money as floats, no reasons, no segments kept apart."""
    import pandas as pd

    def work() -> Seconds:
        lines = pd.read_parquet(orders).dropna()
        lines["order_date"] = pd.to_datetime(lines["order_date"])
        lines["amount"] = lines["amount"].astype(float)
        found = lines.groupby(["order_id", "customer_id"], sort=False).agg(
            order_date=("order_date", "min"), amount=("amount", "sum")
        )
        run_date = pd.Timestamp(RUN_DATE)
        found = found[found["order_date"] > run_date - pd.Timedelta(days=WINDOW_DAYS)]
        bought = found[found["amount"] > 0].groupby("customer_id", sort=False)
        customers = pd.DataFrame(
            {
                "recency": (run_date - bought["order_date"].max()).dt.days,
                "frequency": bought.size(),
                "monetary": found.groupby("customer_id", sort=False)["amount"].sum(),
            }
        ).dropna()
        for name in ("recency", "frequency", "monetary"):
            customers[f"{name}_score"] = pd.qcut(customers[name], 5, labels=False, duplicates="drop")
        customers.to_parquet(folder / "pandas.parquet")
        return {}

    return work


def lifetimes(orders: Path, folder: Path, _memory_limit: str) -> Callable[[], Seconds]:
    """lifetimes' summary, without scores. Its own definition: frequency counts repeat days."""
    import pandas as pd
    from lifetimes.utils import summary_data_from_transaction_data

    def work() -> Seconds:
        lines = pd.read_parquet(orders).dropna()
        lines["amount"] = lines["amount"].astype(float)
        summary = summary_data_from_transaction_data(
            lines, "customer_id", "order_date", monetary_value_col="amount", observation_period_end=RUN_DATE
        )
        summary.to_parquet(folder / "lifetimes.parquet")
        return {}

    return work


CONTENDERS = {
    "project": project,
    "bare DuckDB SQL": bare_sql,
    "scan": scan,
    "pandas groupby + qcut": pandas_qcut,
    "lifetimes summary": lifetimes,
}


def main() -> None:
    name, orders, folder, memory_limit = sys.argv[1:]
    work = CONTENDERS[name](Path(orders), Path(folder), memory_limit)
    began = time.perf_counter()
    parts = work()
    print(json.dumps({"work": time.perf_counter() - began, "parts": dict(parts), "peak": peak_memory()}))


def peak_memory() -> float:
    """MiB. Not getrusage's: that begins with the size of the process that started this one."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
