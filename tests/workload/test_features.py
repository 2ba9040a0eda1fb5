"""What dbt is told of a run: everything from the request and the settings, nothing from the clock."""

from datetime import UTC, date, datetime
from pathlib import Path

from messenger.contract import RunRequest
from settings import Model, Orchestrator, Settings, Source
from workload.features import run_variables, source_variables, warehouse_variables
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
        source=Source(order_id_column="", customer_id_column="who", lines_are_unique=True),
        model=Model(window_days=30),
        orchestrator=Orchestrator(timezone="Europe/Berlin"),
    )
    told = source_variables(SourceFile(Path("/shop/orders[1].csv"), "csv", {"who": "VARCHAR"}, ";"), settings)
    assert told["source_path"] == "/shop/orders[[]1].csv"
    assert (told["source_format"], told["source_delimiter"], told["source_columns"]) == ("csv", ";", ["who"])
    assert (told["order_id_column"], told["customer_id_column"], told["lines_are_unique"]) == ("", "who", True)
    assert (told["window_days"], told["business_timezone"]) == (30, "Europe/Berlin")


def test_no_memory_limit_leaves_duckdb_its_own():
    assert warehouse_variables(Path("/w.duckdb"), "") == {"warehouse_path": "/w.duckdb"}
    assert warehouse_variables(Path("/w.duckdb"), "1GB")["memory_limit"] == "1GB"
