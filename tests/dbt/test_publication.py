"""Write, audit, publish: what is staged is published as a whole, after its tests, or not at all."""

import os
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest

from tests.dbt.conftest import request_for
from warehouse.closing import close_run
from warehouse.duckdb import DuckDBWarehouse
from warehouse.warehouse import WarehouseBusy
from workload.features import warehouse_variables
from workload.source import WrongSource
from workload.sql import SqlFailed, TestsFailed, invoke, parse, require_published

D = Decimal
JUNE_30 = date(1998, 6, 30)
READ_BY_OTHERS = (
    "order_lines",
    "rejected_orders",
    "rfm_features",
    "segment_summary",
    "segment_migration",
    "customer_latest",
)


def parsed_by(shop):
    return parse(warehouse_variables(shop.settings().warehouse), shop.folder / "stack" / "dbt")


def dbt(shop, *words):
    variables = {
        **warehouse_variables(shop.settings().warehouse),
        "run_date": "1998-06-30",
        "run_id": "by hand",
        "source_path": str(shop.orders),
    }
    return invoke(list(words), parsed_by(shop), variables, shop.folder / "by hand")


def test_staged_rows_that_fail_a_test_are_not_published(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    shop.run(JUNE_30)
    shop.deliver([("1", "a", JUNE_30, D(10**16) - 1), ("2", "a", JUNE_30, D(10**16) - 1)])

    with pytest.raises(TestsFailed, match="not_null_rfm_features_run_monetary"):
        shop.run(JUNE_30, attempt=2)

    assert shop.features(JUNE_30) == [("a", 0, 1, D(10))]
    assert shop.query("select run_id from run_ledger") == [("rfm-1998-06-30-1",)]


def test_a_source_that_has_changed_its_columns_stops_before_anything_is_written(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    shop.run(JUNE_30)
    good = {"order_id": "varchar", "customer_id": "varchar", "order_date": "date", "amount": "decimal(18, 2)"}
    missing = {name: kind for name, kind in good.items() if name != "amount"}
    renamed = {("client" if name == "customer_id" else name): kind for name, kind in good.items()}
    for columns, said in (
        (missing, "no column 'amount'"),
        (renamed, "no column 'customer_id'; it has order_id, client"),
        ({**good, "order_date": "integer"}, "'order_date'.* is INTEGER"),
    ):
        shop.deliver([("1", "b", None, D(99))[: len(columns)]], columns)
        with pytest.raises(WrongSource, match=said):
            shop.run(JUNE_30, attempt=2)
    assert shop.features(JUNE_30) == [("a", 0, 1, D(10))]
    assert shop.query("select run_id from run_ledger") == [("rfm-1998-06-30-1",)]


def test_features_and_ledger_row_are_committed_together_or_not_at_all(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    shop.run(JUNE_30)
    shop.query("drop table run_ledger")
    shop.query("""
        create table run_ledger (
            run_id varchar, pipeline varchar, step varchar, run_date date, attempt integer check (attempt < 2),
            flow_run_id varchar, facts varchar, committed_at timestamp
        )
    """)
    shop.deliver([("1", "b", JUNE_30, D(99))])

    with pytest.raises(SqlFailed, match="model rfm_features: Constraint Error") as error:
        shop.run(JUNE_30, attempt=2)

    assert "rfm-1998-06-30-2 published nothing" in str(error.value)
    assert shop.features(JUNE_30) == [("a", 0, 1, D(10))]
    assert shop.query("select * from run_ledger") == []


def test_an_orders_file_replaced_while_it_is_read_is_noticed(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    shop.run(JUNE_30)
    assert dbt(shop, "test", "--select", "source_is_unchanged").success
    os.utime(shop.orders, (1, 1))
    assert not dbt(shop, "test", "--select", "source_is_unchanged").success


def test_many_rejections_are_a_warning_and_no_failure(shop):
    shop.deliver([("1", "a", JUNE_30, D(10)), ("2", None, JUNE_30, D(10))])
    build = shop.build(JUNE_30)
    require_published(build)
    assert [node.name for node in build.nodes if node.status == "warn"] == ["most_lines_are_accepted"]


def test_more_rejections_than_the_setting_allows_stop_the_run_before_it_publishes(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    shop.run(JUNE_30)
    text = dict.fromkeys(("order_id", "customer_id", "order_date", "amount"), "varchar")
    amounts = ["12,50", "7,00", "9,99", "5", "6"]
    shop.deliver([(str(number), "b", "1998-06-30", amount) for number, amount in enumerate(amounts)], text)
    shop.source = {"max_rejected": 0.59}

    with pytest.raises(TestsFailed, match=r"rfm-1998-06-30-2 .*SOURCE_MAX_REJECTED") as error:
        shop.run(JUNE_30, attempt=2)

    assert "12,50" not in str(error.value)
    assert shop.features(JUNE_30) == [("a", 0, 1, D(10))]
    assert shop.query("select run_id from run_ledger") == [("rfm-1998-06-30-1",)]
    assert shop.query("select reason, count(*) from rejected_orders group by all") == [("unreadable_amount", 3)]

    shop.source = {"max_rejected": 0.6}
    assert shop.run(JUNE_30, attempt=3)["lines_rejected"] == 3


def test_orders_are_fresh_as_of_run_date_and_never_of_the_clock(shop):
    shop.deliver([("1", "a", date(1998, 6, 15), D(10)), ("2", "a", date(1998, 7, 1), D(10))])
    build = shop.build(JUNE_30)
    assert [node.name for node in build.nodes if node.status == "warn"] == ["orders_are_fresh"]
    assert build.published
    for newest, status in ((date(1998, 6, 15), "warn"), (date(1998, 6, 16), "pass")):
        shop.deliver([("1", "a", newest, D(10)), ("2", "a", date(1998, 7, 1), D(10))])
        *_, orders = dbt(shop, "source", "freshness").result.results
        assert (orders.node.name, str(orders.status)) == ("orders", status)


def test_a_warehouse_that_another_process_holds_is_worth_a_retry(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    shop.run(JUNE_30)
    hold = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(shop.warehouse)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        with pytest.raises(WarehouseBusy, match="rfm-1998-06-30-2"):
            shop.run(JUNE_30, attempt=2)
        other.stdin.close()
    assert shop.run(JUNE_30, attempt=2)["customers"] == 1


def test_only_a_failed_run_leaves_its_compiled_sql(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    shop.run(JUNE_30, attempt=3)
    shop.deliver([("1", "a", JUNE_30, D(10**16) - 1), ("2", "a", JUNE_30, D(10**16) - 1)])
    assert not shop.build(JUNE_30, attempt=4).published
    runs = shop.folder / "stack" / "dbt" / "runs"
    assert not (runs / "rfm-1998-06-30-3").exists()
    assert (runs / "rfm-1998-06-30-4" / "compiled").exists()


def test_the_whole_project_builds_and_every_model_is_tested_described_and_owned(shop):
    shop.deliver([("1", "a", JUNE_30, D(10)), ("2", None, JUNE_30, D(10))])
    outcome = dbt(shop, "build")
    assert outcome.success, outcome.exception
    results = {result.node.name: (result.node.resource_type, str(result.status)) for result in outcome.result}
    unit_tests = [name for name, (kind, status) in results.items() if kind == "unit_test" and status == "pass"]
    assert len(unit_tests) >= 10
    assert results["not_null_rejected_orders_reason"][1] == "pass"
    parsed = parsed_by(shop)
    models = [node for node in parsed.nodes.values() if node.resource_type == "model"]
    assert len(models) == 9
    tests = [node for node in parsed.nodes.values() if node.resource_type == "test"]
    tested = {parsed.nodes[name].name for test in tests for name in test.depends_on.nodes if name in parsed.nodes}
    assert {test.config.severity.lower() for test in tests} == {"error", "warn"}
    for model in models:
        in_warehouse = {
            name for (name,) in shop.query("select column_name from duckdb_columns() where table_name = ?", model.name)
        }
        described = {name for name, column in model.columns.items() if column.description}
        assert in_warehouse == described, model.name
        assert model.description
        assert model.name in tested, model.name
        assert model.contract.enforced == (model.name in READ_BY_OTHERS)
        assert model.config.meta["owner"]


def test_a_closed_run_publishes_no_features(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    warehouse = DuckDBWarehouse(shop.warehouse, lock_wait=5)
    close_run(warehouse, request_for(JUNE_30), "cancelled")

    build = shop.build(JUNE_30)

    assert not build.published
    assert warehouse.ledger_row("rfm-1998-06-30-1", "features") is None
    assert warehouse.rows_by_date("features") == {}


def test_the_ledger_counts_the_tests_that_stood_before_the_publication(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])

    assert shop.run(JUNE_30)["tests_passed"] >= 8
