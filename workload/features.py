"""The step `features`: from the user's orders to the features of every customer, committed with their ledger row."""

import glob
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from messenger.contract import RunRequest
from settings import Settings, Warehouse
from warehouse.orders_table import OrdersTable
from wiring import open_orders_table
from workload.source import SourceFile, check_source, check_table
from workload.sql import Build, Invoke, bare, run_dbt

PRODUCTION = "main"
"""The user whose schema is that of what runs by itself, whoever DBT_USER is."""


def build_features(request: RunRequest, settings: Settings, *, flow_run_id: str = "", by: Invoke = bare) -> Build:
    """Builds and tests the models of the request's pipeline and publishes the features of its run_date.

    The ledger table must be there. All rows of the run_date are replaced together with the ledger row, or nothing
    is: workload.sql.require_published tells. Raises WrongSource before anything runs, and what run_dbt raises.
    """
    variables = {**run_variables(request, flow_run_id), **place_variables(settings, PRODUCTION)}
    if settings.warehouse.kind == "bigquery":
        variables |= {"run_suffix": request.run_id.replace("-", "_")}
    return run_dbt(["--selector", request.pipeline], variables, run_id=request.run_id, by=by, **where(settings))


def build_by_hand(run_date: date, settings: Settings, *, full_refresh: bool = False, by: Invoke = bare) -> Build:
    """Builds and tests the whole project in the schema of settings.dbt.user, for the person who edits the SQL.

    Production's tables must be there. With `full_refresh`, rfm_features is made anew and holds this run_date only.
    The rows of the unit tests are DuckDB's SQL: on another target they are left out.
    """
    variables = by_hand_variables(run_date, settings)
    words = ["--full-refresh"] if full_refresh else []
    words += [] if settings.warehouse.kind == "duckdb" else ["--exclude-resource-type", "unit_test"]
    return run_dbt(words, variables, run_id=variables["run_id"], by=by, **where(settings))


def where(settings: Settings) -> Mapping[str, Any]:
    """dbt's target and its folder, as run_dbt takes them."""
    return {"work_folder": settings.stack.path / "dbt", "target": settings.warehouse.kind}


def by_hand_variables(run_date: date, settings: Settings) -> Mapping[str, Any]:
    user = settings.dbt.user
    return {
        "run_id": f"by-hand-{user}-{run_date}",
        "run_date": run_date.isoformat(),
        **place_variables(settings, user),
    }


def place_variables(settings: Settings, user: str) -> Mapping[str, Any]:
    """Where dbt reads from and writes to. Raises WrongSource."""
    if settings.warehouse.kind == "bigquery":
        orders: Mapping[str, Any] = table_variables(check_table(open_orders_table(settings), settings.source))
        place = bigquery_variables(settings.warehouse, user)
    else:
        orders = file_variables(check_source(settings.source))
        place = {**warehouse_variables(settings.warehouse), "schema": user}
    return {**orders, **place, **source_variables(settings)}


def run_variables(request: RunRequest, flow_run_id: str) -> Mapping[str, str | int]:
    run_date: date = request.run_date
    return {
        "run_id": request.run_id,
        "pipeline": request.pipeline,
        "run_date": run_date.isoformat(),
        "attempt": request.attempt,
        "flow_run_id": flow_run_id,
    }


def file_variables(file: SourceFile) -> Mapping[str, Any]:
    """How dbt/macros read the orders file."""
    return {
        "source_path": glob.escape(str(file.path)),  # DuckDB takes * ? [ for a pattern
        "source_format": file.format,
        "source_delimiter": file.delimiter,
        "source_columns": list(file.columns),
    }


def table_variables(table: OrdersTable) -> Mapping[str, Any]:
    """Where the orders are in BigQuery, and the types of their columns."""
    return {
        "source_database": table.project,
        "source_schema": table.dataset,
        "source_table": table.name,
        "source_types": {name.lower(): kind for name, kind in table.columns.items()},
    }


def source_variables(settings: Settings) -> Mapping[str, Any]:
    """What the columns are called, and what counts as an order."""
    source = settings.source
    return {
        "order_id_column": source.order_id_column,
        "customer_id_column": source.customer_id_column,
        "order_date_column": source.order_date_column,
        "amount_column": source.amount_column,
        "lines_are_unique": source.lines_are_unique,
        "orders_due_days": source.orders_due,
        "window_days": settings.model.window_days,
        "business_timezone": settings.orchestrator.timezone,
        "max_rejected": source.max_rejected,
    }


def warehouse_variables(warehouse: Warehouse) -> Mapping[str, str | int]:
    """How dbt opens the file; it waits for another process that holds it until lock_wait seconds have passed."""
    variables: dict[str, str | int] = {
        "warehouse_path": str(warehouse.path),
        # n attempts with pauses of 1, 2, 4, … seconds take 2**n - 1 seconds
        "connect_attempts": math.ceil(math.log2(warehouse.lock_wait + 1)),
    }
    return variables | ({"memory_limit": warehouse.memory_limit} if warehouse.memory_limit else {})


def bigquery_variables(warehouse: Warehouse, user: str) -> Mapping[str, str | int]:
    """Production is the dataset of the settings; what somebody builds by hand goes to one of their own beside it."""
    return {
        "warehouse_project": warehouse.project,
        "warehouse_location": warehouse.location,
        "warehouse_endpoint": warehouse.endpoint,
        "max_bytes_billed": warehouse.max_bytes_billed,
        "production_schema": warehouse.dataset,
        "schema": warehouse.dataset if user == PRODUCTION else f"{warehouse.dataset}_{user}",
    }
