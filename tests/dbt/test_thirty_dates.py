"""Thirty dates one after the other, by real dbt and real scoring, leave of each date what it leaves alone."""

import random
from datetime import date, timedelta

import pyarrow.parquet as pq
import pytest

from rfm.own_orders import read_features
from rfm.read_rules import rules_named
from rfm.score_file import score_features
from tests.dbt.conftest import Shop, request_for
from warehouse.duckdb import DuckDBWarehouse
from workload.score import score

# in a process of its own: after hundreds of other tests each of its sixty runs takes three times as long
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
LAST = date(1998, 6, 30)
DAYS = [LAST - timedelta(number) for number in reversed(range(30))]
WINDOW = 40
RULES = rules_named("quintile")
SCORED = ["customer_id", "recency", "frequency", "monetary", "r_score", "f_score", "m_score", "segment", "model_id"]
REJECTED = ["customer_id", "recency", "frequency", "monetary", "reason"]


def some_orders():
    """Customers come and drop out of the window, some only return; one day in seven has no orders."""
    random.seed(11)
    days = [LAST - timedelta(number) for number in range(-5, 75) if number % 7]
    return [
        (str(number), f"c{random.randrange(60)}", random.choice(days), random.randrange(-2000, 20000) / 100)
        for number in range(160)
    ]


def run(shop, run_date):
    """The facts of both steps, for all that the ledger says."""
    features = shop.run(run_date, window_days=WINDOW)
    warehouse = DuckDBWarehouse(shop.warehouse, lock_wait=5)
    return features, score(warehouse, request_for(run_date, step="scoring"), RULES, window_days=WINDOW)


def rows_of(shop, run_date):
    return [
        shop.query(f"select {', '.join(columns)}, run_id from {table} where run_date = ? order by all", run_date)
        for table, columns in (("rfm_scores", SCORED), ("rfm_rejected", REJECTED))
    ]


def scored_by_the_model_alone(orders, run_date, folder):
    features = read_features(orders, run_date, window_days=WINDOW)
    score_features(features, run_date, RULES, folder / "scores.parquet", window_days=WINDOW)
    return [tuple(row.values()) for row in pq.read_table(folder / "scores.parquet", columns=SCORED).to_pylist()]


def test_thirty_dates_in_a_row_equal_thirty_single_runs(shop, tmp_path):
    orders = some_orders()
    shop.deliver(orders)

    facts = {day: run(shop, day) for day in DAYS}

    left = {day: rows_of(shop, day) for day in DAYS}
    assert shop.query("select count(*) from run_ledger") == [(2 * len(DAYS),)]
    assert shop.query("select count(*) from rfm_scores") == [(sum(len(scores) for scores, _ in left.values()),)]
    assert len({len(scores) for scores, _ in left.values()}) > 5, "customers come and go"
    assert any(rejected for _, rejected in left.values())
    for day in DAYS:
        scores, _ = left[day]
        assert [row[:-1] for row in scores] == scored_by_the_model_alone(shop.orders, day, tmp_path), day
        assert {row[-1] for row in scores} == {f"rfm-{day}-1"}

    for day in (DAYS[7], DAYS[-1]):
        shop.warehouse.unlink()
        shop = Shop(shop.folder)
        shop.deliver(orders)
        assert run(shop, day) == facts[day]
        assert rows_of(shop, day) == left[day]
