"""The step `features`: from the user's orders to the features of every customer, committed with their ledger row."""

import glob
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from messenger.contract import RunRequest
from settings import Settings, Warehouse
from workload.source import SourceFile, check_source
from workload.sql import Build, Invoke, bare, run_dbt

PRODUCTION = "main"
"""The schema of what runs by itself, whoever DBT_USER is."""


def build_features(request: RunRequest, settings: Settings, *, flow_run_id: str = "", by: Invoke = bare) -> Build:
    """Builds and tests the models of the request's pipeline and publishes the features of its run_date.

    The ledger table must be there. All rows of the run_date are replaced together with the ledger row, or nothing
    is: workload.sql.require_published tells. Raises WrongSource before anything runs, and what run_dbt raises.
    """
    variables = {**run_variables(request, flow_run_id), **place_variables(settings, PRODUCTION)}
    selected = ["--selector", request.pipeline]
    return run_dbt(selected, variables, run_id=request.run_id, work_folder=settings.stack.path / "dbt", by=by)


def build_by_hand(run_date: date, settings: Settings, *, full_refresh: bool = False, by: Invoke = bare) -> Build:
    """Builds and tests the whole project in the schema of settings.dbt.user, for the person who edits the SQL.

    Production's tables must be there. With `full_refresh`, rfm_features is made anew and holds this run_date only.
    """
    variables = by_hand_variables(run_date, settings)
    words = ["--full-refresh"] if full_refresh else []
    return run_dbt(words, variables, run_id=variables["run_id"], work_folder=settings.stack.path / "dbt", by=by)


def by_hand_variables(run_date: date, settings: Settings) -> Mapping[str, Any]:
    user = settings.dbt.user
    return {
        "run_id": f"by-hand-{user}-{run_date}",
        "run_date": run_date.isoformat(),
        **place_variables(settings, user),
    }


def place_variables(settings: Settings, schema: str) -> Mapping[str, Any]:
    """Where dbt reads from and writes to. Raises WrongSource."""
    return {
        **source_variables(check_source(settings.source), settings),
        **warehouse_variables(settings.warehouse),
        "schema": schema,
    }


def run_variables(request: RunRequest, flow_run_id: str) -> Mapping[str, str | int]:
    run_date: date = request.run_date
    return {
        "run_id": request.run_id,
        "pipeline": request.pipeline,
        "run_date": run_date.isoformat(),
        "attempt": request.attempt,
        "flow_run_id": flow_run_id,
    }


def source_variables(file: SourceFile, settings: Settings) -> Mapping[str, Any]:
    """How dbt/macros read the orders file, and what counts as an order."""
    source = settings.source
    return {
        "source_path": glob.escape(str(file.path)),  # DuckDB takes * ? [ for a pattern
        "source_format": file.format,
        "source_delimiter": file.delimiter,
        "source_columns": list(file.columns),
        "order_id_column": source.order_id_column,
        "customer_id_column": source.customer_id_column,
        "order_date_column": source.order_date_column,
        "amount_column": source.amount_column,
        "lines_are_unique": source.lines_are_unique,
        "window_days": settings.model.window_days,
        "business_timezone": settings.orchestrator.timezone,
    }


def warehouse_variables(warehouse: Warehouse) -> Mapping[str, str | int]:
    """How dbt opens the file; it waits for another process that holds it until lock_wait seconds have passed."""
    variables: dict[str, str | int] = {
        "warehouse_path": str(warehouse.path),
        # n attempts with pauses of 1, 2, 4, … seconds take 2**n - 1 seconds
        "connect_attempts": math.ceil(math.log2(warehouse.lock_wait + 1)),
    }
    return variables | ({"memory_limit": warehouse.memory_limit} if warehouse.memory_limit else {})
