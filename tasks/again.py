"""Again: a task that meets a cause that may pass is tried again by Prefect before its run is given up."""

from typing import Any

from errors import Retryable
from warehouse.warehouse import WarehouseBusy


def may_pass(_task: Any, _task_run: Any, state: Any) -> bool:
    """A busy warehouse, or an orders file replaced while it was read: worth another try."""
    return isinstance(state.result(raise_on_failure=False), Retryable)


def is_busy(_task: Any, _task_run: Any, state: Any) -> bool:
    """Another process has the warehouse; on DuckDB that is a step at work."""
    return isinstance(state.result(raise_on_failure=False), WarehouseBusy)


AGAIN: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": [1, 5, 15],
    "retry_condition_fn": is_busy,
}
"""For tasks that open the warehouse: each try waits WAREHOUSE_LOCK_WAIT besides."""
AFTERWARDS_AGAIN: dict[str, Any] = {"retries": 2, "retry_delay_seconds": [2, 10], "retry_condition_fn": may_pass}
"""For what follows a run, and what no run waits for."""
