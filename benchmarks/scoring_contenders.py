"""One way to get from orders to scores, as a process of its own: python -m benchmarks.scoring_contenders NAME ...

Imports come first; the process then prints, as JSON, the seconds of the work alone and of its parts.
"""

import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.scoring_orders import RUN_DATE, WINDOW_DAYS

if TYPE_CHECKING:
    from messenger.contract import RunRequest

Seconds = Mapping[str, float]


def project(orders: Path, folder: Path, memory_limit: str) -> Callable[[], Seconds]:
    """From the orders to committed scores in the warehouse file: what the flows do, without Prefect."""
    import dbt.cli.main
    import dbt.task.build  # noqa: F401

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
    parts = timed_parts()
    rules = rules_named("quintile")

    def work() -> Seconds:
        warehouse = open_warehouse(settings)
        warehouse.prepare()
        build = build_features(run_request("features"), settings)
        require_published(build)
        began = time.perf_counter()
        score(warehouse, run_request("scoring"), rules, window_days=WINDOW_DAYS)
        scoring = time.perf_counter() - began
        nodes = {f"dbt: {node.name[:40]}": node.seconds for node in build.nodes if node.seconds >= 0.5}
        return {"parse": build.parse_seconds, "features": build.build_seconds, "scoring": scoring, **parts, **nodes}

    return work


def limited(memory_limit: str) -> dict[str, Any]:
    """DuckDB's configuration; without a limit its own."""
    return {"memory_limit": memory_limit} if memory_limit else {}


def bare_sql(orders: Path, folder: Path, memory_limit: str) -> Callable[[], Seconds]:
    """What an expert would write by hand for this one file: the same rules for rows, orders, edges and segments."""
    import duckdb

    statements = (Path(__file__).parent / "scoring_bare.sql").read_text()
    values = {"orders": orders, "folder": folder, "run_date": RUN_DATE, "window_days": WINDOW_DAYS}
    for name, value in values.items():
        statements = statements.replace("{" + name + "}", str(value))

    def work() -> Seconds:
        with duckdb.connect(str(folder / "bare.duckdb"), config=limited(memory_limit)) as connection:
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


def scoring_alone(features: Path, folder: Path, memory_limit: str) -> Callable[[], Seconds]:
    """From features that are there to committed scores, on a copy of the warehouse."""
    from rfm.read_rules import rules_named
    from warehouse.duckdb import DuckDBWarehouse
    from workload.score import score

    path = folder / "warehouse.duckdb"
    shutil.copyfile(features, path)
    rules = rules_named("quintile")
    parts = timed_parts()

    def work() -> Seconds:
        warehouse = DuckDBWarehouse(path, lock_wait=0, memory_limit=memory_limit)
        score(warehouse, run_request("scoring"), rules, window_days=WINDOW_DAYS)
        return parts

    return work


def timed_parts() -> dict[str, float]:
    """Grows while scoring goes on: the seconds of the checks by pandera, and of the commit."""
    import workload.score
    from rfm.schemas import check
    from warehouse.duckdb import DuckDBWarehouse

    parts = {"pandera": 0.0, "commit": 0.0}

    def timed(part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*given: Any, **more: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*given, **more)
            finally:
                parts[part] += time.perf_counter() - began

        return measured

    vars(workload.score)["check"] = timed("pandera", check)
    DuckDBWarehouse.replace_scores = timed("commit", DuckDBWarehouse.replace_scores)  # type: ignore[method-assign]
    return parts


def run_request(step: str) -> "RunRequest":
    from datetime import UTC, datetime

    from messenger.contract import RunRequest, run_id_of

    now = datetime.now(UTC)
    return RunRequest(
        run_id=run_id_of("rfm", RUN_DATE, 1),
        pipeline="rfm",
        step=step,
        run_date=RUN_DATE,
        attempt=1,
        requested_by="benchmark",
        requested_at=now,
        deadline=now,
    )


def scan_features(features: Path, _folder: Path, memory_limit: str) -> Callable[[], Seconds]:
    """Every value that scoring reads is looked at once, and nothing is kept."""
    import duckdb

    def work() -> Seconds:
        with duckdb.connect(str(features), read_only=True, config=limited(memory_limit)) as connection:
            connection.execute(
                """
                select sum(hash(customer_id)::hugeint), sum(recency), sum(frequency), sum(monetary)
                from rfm_features where run_date = ?
                """,
                [RUN_DATE],
            ).fetchall()
        return {}

    return work


def bare_insert(features: Path, folder: Path, memory_limit: str) -> Callable[[], Seconds]:
    """As many rows as the scores have, with their columns, go into a table, and nobody is scored: no scoring that
    ends in the warehouse can be faster."""
    import duckdb

    from warehouse.duckdb import DuckDBWarehouse

    path = folder / "warehouse.duckdb"
    DuckDBWarehouse(path, lock_wait=0).prepare()

    def work() -> Seconds:
        with duckdb.connect(str(path), config=limited(memory_limit)) as connection:
            connection.execute(f"attach '{features}' as there (read_only)")
            connection.execute(
                """
                insert into rfm_scores by name
                select customer_id, run_date, recency, frequency, monetary, run_id, 'model' as model_id,
                    1 + recency % 5 as r_score, 1 + frequency % 5 as f_score, 1 + recency % 5 as m_score,
                    ['champions', 'loyal', 'new'][1 + recency % 3] as segment
                from there.rfm_features where run_date = ? and recency is not null
                """,
                [RUN_DATE],
            )
        return {}

    return work


CONTENDERS = {
    "project": project,
    "project, memory limit": project,
    "bare DuckDB SQL": bare_sql,
    "scan": scan,
    "pandas groupby + qcut": pandas_qcut,
    "scoring alone": scoring_alone,
    "bare insert": bare_insert,
    "scan of the features": scan_features,
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
