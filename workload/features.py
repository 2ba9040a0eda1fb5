"""The step `features`: from the user's orders to the features of every customer, committed with their ledger row."""

import glob
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from messenger.contract import RunRequest
from settings import Settings
from workload.source import SourceFile, check_source
from workload.sql import Build, run_dbt


def build_features(request: RunRequest, settings: Settings, *, flow_run_id: str = "") -> Build:
    """Builds and tests the models of the request's pipeline and publishes the features of its run_date.

    The ledger table must be there. All rows of the run_date are replaced together with the ledger row, or nothing
    is: workload.sql.require_published tells. Raises WrongSource before anything runs, and what run_dbt raises.
    """
    file = check_source(settings.source)
    variables = {
        **run_variables(request, flow_run_id),
        **source_variables(file, settings),
        **warehouse_variables(settings.warehouse.path, settings.warehouse.memory_limit),
    }
    return run_dbt(request.pipeline, variables, run_id=request.run_id, work_folder=settings.stack.path / "dbt")


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


def warehouse_variables(path: Path, memory_limit: str) -> Mapping[str, str]:
    return {"warehouse_path": str(path)} | ({"memory_limit": memory_limit} if memory_limit else {})
