"""Everything the demo does gives on BigQuery's stand-in what it gives on DuckDB, row by row."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deployments.demo_data import fetch
from rfm.read_rules import rules_named
from tasks.confirm import confirm
from tests.dbt.bigquery_shop import BigQueryShop
from tests.dbt.conftest import Shop as DuckDBShop
from tests.dbt.conftest import request_for
from warehouse.duckdb import DuckDBWarehouse
from warehouse.warehouse import Warehouse
from workload.explain import explain
from workload.export import export
from workload.figures import Looks, report_of
from workload.note_published import note_published
from workload.publish import publish
from workload.recompute import touched_dates
from workload.score import score
from workload.snapshot import publish_snapshot

MAY_31, JUNE_30 = date(1998, 5, 31), date(1998, 6, 30)
pytestmark = pytest.mark.timeout(900)


@dataclass(frozen=True)
class Side:
    """One of both warehouses, with what was committed there, and where its files are published."""

    warehouse: Warehouse
    rows: Callable[[str], list[tuple[Any, ...]]]
    deliver: Callable[[pa.Table], object]
    orders: pa.Table
    facts: list[Any]
    published: Path


@pytest.fixture(scope="module")
def sides(stand_in, tmp_path_factory):
    """The demo's orders, scored on two dates by both: DuckDB first, then BigQuery."""
    folder = tmp_path_factory.mktemp("both")
    there, here = DuckDBShop(folder), BigQueryShop(stand_in, folder)
    fetch(there.orders)
    orders = pq.read_table(there.orders)
    here.deliver(orders)
    duckdb = DuckDBWarehouse(there.warehouse, lock_wait=5)

    def deliver_there(table):
        pq.write_table(table, there.orders)

    return (
        Side(duckdb, there.query, deliver_there, orders, scored(there, duckdb), folder / "there"),
        Side(here.warehouse, here.rows, here.deliver, orders, scored(here, here.warehouse), folder / "here"),
    )


def scored(shop, warehouse):
    """Both steps on both dates, confirmed; gives the facts of the ledger."""
    facts = []
    for day in (MAY_31, JUNE_30):
        shop.run(day)
        request = request_for(day, step="scoring")
        facts.append(score(warehouse, request, rules_named("quintile"), window_days=720))
        note_published(warehouse, request)
        for step, confirmed_by in (("features", "features"), ("scoring", "scores")):
            confirm(warehouse, request_for(day, step=step), confirmed_by)
    return facts


def test_features_scores_and_rejections_are_equal(sides):
    duckdb, bigquery = sides
    assert bigquery.facts == duckdb.facts
    for table, columns in (
        ("rfm_features", "run_date, customer_id, recency, frequency, monetary"),
        (
            "rfm_scores",
            "run_date, customer_id, recency, frequency, monetary, r_score, f_score, m_score, segment, model_id",
        ),
        ("rfm_rejected", "run_date, customer_id, recency, frequency, monetary, reason"),
    ):
        query = f"select {columns} from {table} order by run_date, customer_id"
        assert bigquery.rows(query) == duckdb.rows(query), table
    assert sum(one["scored"] for one in duckdb.facts) > 40_000


@pytest.mark.parametrize("view", ["segment_summary", "segment_migration", "customer_latest"])
def test_the_views_for_people_are_equal(sides, view):
    duckdb, bigquery = (sorted(side.rows(f"select * from {view}"), key=str) for side in sides)
    assert len(duckdb) > 10
    assert bigquery == duckdb


def test_what_is_published_is_equal(sides):
    duckdb, bigquery = (published(side) for side in sides)
    for name in ("segments.csv", "segments.json"):
        assert (bigquery / name).read_bytes() == (duckdb / name).read_bytes()
    assert content(bigquery / "scores.parquet") == content(duckdb / "scores.parquet")


def content(parquet):
    table = pq.read_table(parquet)
    return table.column_names, table.schema.types, table.to_pylist()


def published(side):
    return publish(side.warehouse, request_for(JUNE_30, step="scoring"), side.published)


def test_the_snapshots_are_equal(sides):
    duckdb, bigquery = (snapshot_rows(side) for side in sides)
    assert len(duckdb) > 20_000
    assert bigquery == duckdb


def snapshot_rows(side):
    published(side)
    made = publish_snapshot(side.warehouse, request_for(JUNE_30, step="scoring"), side.published, keep=1)
    with closing(sqlite3.connect(made)) as connection:
        about, customers = (
            connection.execute(f"select * from {table} order by 1").fetchall() for table in ("about", "customers")
        )
    return about + customers


def test_the_reports_are_equal(sides):
    duckdb, bigquery = (report(side) for side in sides)
    assert duckdb["moves"]
    assert bigquery == duckdb


def report(side):
    """Without the moment at which the run was committed."""
    made = report_of(side.warehouse, request_for(JUNE_30).run_id, Looks()).model_dump()
    return {**made, "provenance": {**made["provenance"], "committed_at": None}}


def test_explanations_are_equal(sides):
    customers = [name for (name,) in sides[0].rows("select customer_id from rfm_scores where r_score = 3 limit 3")]
    customers += [name for (name,) in sides[0].rows("select customer_id from rfm_rejected limit 2")]
    for customer in customers:
        duckdb, bigquery = (explain(side.warehouse, customer, JUNE_30) for side in sides)
        assert duckdb.orders
        assert bigquery == duckdb


def test_exports_are_equal(sides, tmp_path):
    for number, side in enumerate(sides):
        done = export(side.warehouse, str(tmp_path / str(number)))
        assert (done.before, done.changed > 100) == (MAY_31, True)
    for name in ("segments.csv", "changes.csv"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "0" / name).read_bytes()
    for name in ("segments.parquet", "changes.parquet"):
        assert content(tmp_path / "1" / name) == content(tmp_path / "0" / name)


def test_late_orders_touch_the_same_dates(sides):
    soon = datetime.now(UTC) + timedelta(minutes=1)
    [(customer,)] = sides[0].rows("select min(customer_id) from rfm_scores where recency > 90")
    late = [("late 1", customer, MAY_31, Decimal("9.99")), ("late 2", "new", JUNE_30, Decimal("9.99"))]
    for side in sides:
        names = ["order_id", "customer_id", "order_date", "amount"]
        more = pa.Table.from_pylist([dict(zip(names, line, strict=True)) for line in late], side.orders.schema)
        side.deliver(pa.concat_tables([side.orders, more]))
    duckdb, bigquery = (touched_dates(side.warehouse, soon).changed for side in sides)
    assert [(one.run_date, one.changed) for one in duckdb] == [(MAY_31, 1), (JUNE_30, 2)]
    assert bigquery == duckdb
