"""What dbt is told of a run: everything from the request and the settings, nothing from the clock."""

from datetime import UTC, date, datetime
from pathlib import Path

from messenger.contract import RunRequest
from settings import Dbt, Model, Orchestrator, Settings, Source, Warehouse
from warehouse.orders_table import OrdersTable
from workload.features import (
    PRODUCTION,
    bigquery_variables,
    by_hand_variables,
    file_variables,
    place_variables,
    run_variables,
    source_variables,
    table_variables,
    warehouse_variables,
)
from workload.source import SourceFile


def test_the_run_is_told_by_its_request():
    at = datetime(2024, 3, 1, tzinfo=UTC)
    request = RunRequest(
        run_id="rfm-2024-02-29-3",
        pipeline="rfm",
        step="features",
        run_date=date(2024, 2, 29),
        attempt=3,
        requested_by="test",
        requested_at=at,
        deadline=at,
    )
    assert run_variables(request, "a flow run") == {
        "run_id": "rfm-2024-02-29-3",
        "pipeline": "rfm",
        "run_date": "2024-02-29",
        "attempt": 3,
        "flow_run_id": "a flow run",
    }


def test_the_source_is_told_by_its_settings_and_its_path_is_no_pattern():
    settings = Settings(
        source=Source(order_id_column="", customer_id_column="who", lines_are_unique=True, orders_due=3),
        model=Model(window_days=30),
        orchestrator=Orchestrator(timezone="Europe/Berlin"),
    )
    told = source_variables(settings)
    file = file_variables(SourceFile(Path("/shop/orders[1].csv"), "csv", {"who": "VARCHAR"}, ";"))
    assert file["source_path"] == "/shop/orders[[]1].csv"
    assert (file["source_format"], file["source_delimiter"], file["source_columns"]) == ("csv", ";", ["who"])
    assert (told["order_id_column"], told["customer_id_column"], told["lines_are_unique"]) == ("", "who", True)
    assert (told["window_days"], told["business_timezone"], told["orders_due_days"]) == (30, "Europe/Berlin", 3)


def test_the_warehouse_is_told_by_its_settings():
    alone = warehouse_variables(Warehouse(path=Path("/w.duckdb")))
    assert alone == {"warehouse_path": "/w.duckdb", "connect_attempts": 6}
    assert warehouse_variables(Warehouse(memory_limit="1GB"))["memory_limit"] == "1GB"


def test_what_runs_by_itself_is_production_whoever_the_user_is(tmp_path):
    orders = tmp_path / "orders.csv"
    orders.write_text("order_id,customer_id,order_date,amount\n1,a,1998-06-30,5\n")
    settings = Settings(source=Source(path=orders), dbt=Dbt(user="anna"))
    by_hand = by_hand_variables(date(1998, 6, 30), settings)
    assert (by_hand["schema"], by_hand["run_id"]) == ("anna", "by-hand-anna-1998-06-30")
    assert place_variables(settings, PRODUCTION)["schema"] == "main"


def test_a_table_in_bigquery_is_told_with_its_types_and_its_place():
    table = OrdersTable("shop", "raw", "orders", {"Order_ID": "FLOAT"}, True, datetime(2024, 3, 1, tzinfo=UTC))
    assert table_variables(table) == {
        "source_database": "shop",
        "source_schema": "raw",
        "source_table": "orders",
        "source_types": {"order_id": "FLOAT"},
    }
    warehouse = Warehouse(kind="bigquery", project="shop", dataset="rfm", max_bytes_billed=5)
    assert bigquery_variables(warehouse, PRODUCTION)["schema"] == "rfm"
    by_hand = bigquery_variables(warehouse, "anna")
    assert (by_hand["schema"], by_hand["production_schema"], by_hand["max_bytes_billed"]) == ("rfm_anna", "rfm", 5)
