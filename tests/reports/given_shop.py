"""The demo shop, scored on the last day of several months: what the report is shown with, in tests and in the docs."""

from datetime import date
from pathlib import Path

import duckdb

from rfm.read_rules import rules_named
from tests.warehouse.given_features import TABLE, WINDOW, given_request, given_warehouse, write_features_ledger
from warehouse.duckdb import DuckDBWarehouse
from workload.score import score

LAST = date(1998, 6, 30)
MONTHS = [date(1997, 12, 31), date(1998, 1, 31), date(1998, 2, 28), date(1998, 3, 31), date(1998, 4, 30), LAST]
FEATURES = """
    insert into rfm_features
    select customer_id, $run_date::date, date_diff('day', max(order_date) filter (amount > 0), $run_date::date),
        count(*) filter (amount > 0), sum(amount), $run_id
    from read_parquet($orders)
    where order_date <= $run_date and order_date > $run_date::date - $window::integer
    group by customer_id
"""


def given_scored_shop(path: Path, orders: Path, days=MONTHS, rules="quintile") -> DuckDBWarehouse:
    """A warehouse with scores of these days. `orders` as deployments.demo_data leaves them."""
    warehouse = given_warehouse(path)
    for run_date in days:
        request = given_request(run_date)
        with duckdb.connect(str(path)) as connection:
            connection.execute(TABLE)
            written = {"run_date": run_date, "run_id": request.run_id, "orders": str(orders), "window": WINDOW}
            [(customers,)] = connection.execute(FEATURES, written).fetchall()
            lines = {"rows_in": 69667, "lines_accepted": 69659, "lines_rejected": 8, "rejected_unreadable_amount": 5}
            write_features_ledger(connection, request, customers, **lines, rejected_missing_customer=3)
        score(warehouse, request, rules_named(rules), window_days=WINDOW, code_version="1a2b3c4")
    return warehouse
