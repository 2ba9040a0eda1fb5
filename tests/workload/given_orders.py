"""Orders as dbt would leave them in the view order_lines, for tests that look back from scores to orders."""

import duckdb

from rfm.read_rules import rules_named
from tests.warehouse.given_features import WINDOW, given_features
from workload.score import score

RULES = rules_named("quintile")


def given_order_lines(path, lines) -> None:
    """Lines are (order_id, customer_id, date, amount) or the same with a reason."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """create or replace table order_lines (order_id varchar, customer_id varchar, order_date date,
            amount decimal(18, 2), reason varchar)"""
        )
        if lines:
            rows = [(*line, None) if len(line) == 4 else line for line in lines]
            connection.executemany("insert into order_lines values (?, ?, ?, ?, ?)", rows)


def given_scored(warehouse, path, rows, request):
    """Commits features and scores; returns the ledger's facts."""
    given_features(path, rows, request)
    return score(warehouse, request, RULES, window_days=WINDOW)
