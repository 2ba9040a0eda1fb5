"""Features for the benchmark of scoring alone: what the step `features` leaves."""

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from benchmarks.scoring_orders import RUN_DATE, WINDOW_DAYS
from messenger.contract import run_id_of
from warehouse.duckdb import DuckDBWarehouse

FEATURES = f"""
create table rfm_features as
select
    'c' || range as customer_id,
    date '{RUN_DATE}' as run_date,
    case when hash(range, 'kind') % 100 <> 0 then (hash(range, 'recency') % {WINDOW_DAYS})::integer end as recency,
    case when hash(range, 'kind') % 100 <> 0 then floor(pow(1.0001 - share, -0.6))::integer else 0 end as frequency,
    round(5 / (1.0001 - hash(range, 'money') / 18446744073709551616.0), 2)::decimal(18, 2) as monetary,
    $run_id as run_id
from (select range, hash(range, 'orders') / 18446744073709551616.0 as share from range($customers))
"""
"""One customer in a hundred has refunds only, and is rejected."""


def write_features(path: Path, customers: int) -> None:
    """The tables of the warehouse, with the features of RUN_DATE and their row in the ledger."""
    DuckDBWarehouse(path, lock_wait=0).prepare()
    run_id = run_id_of("rfm", RUN_DATE, 1)
    with duckdb.connect(str(path)) as connection:
        connection.execute(FEATURES, {"customers": customers, "run_id": run_id})
        connection.execute(
            "insert into run_ledger values (?, 'rfm', 'features', ?, 1, '', ?, ?)",
            [run_id, RUN_DATE, json.dumps({"customers": customers}), datetime.now(UTC).replace(tzinfo=None)],
        )
