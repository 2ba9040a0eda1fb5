"""A run that was cancelled or given up is closed in the ledger, and none of its steps commits any more.

The process of a step can outlive the wish for its result: it hangs, its machine is cut off, its kill takes a while.
The closing row stands in the warehouse because only there can it be looked for in the very transaction that commits
(docs/adr/0018-order-and-closing.md).
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Protocol

from warehouse.warehouse import CLOSED, LedgerRow, RunClosed, Scalar, Warehouse


class AnyRun(Protocol):
    """Which run: any request of it says so."""

    @property
    def run_id(self) -> str: ...

    @property
    def pipeline(self) -> str: ...

    @property
    def run_date(self) -> date: ...

    @property
    def attempt(self) -> int: ...


def close_run(warehouse: Warehouse, run: AnyRun, reason: str, *, flow_run_id: str = "") -> None:
    """Waits for whoever holds the warehouse; raises what the warehouse raises."""
    facts: Mapping[str, Scalar] = {"reason": reason}
    row = LedgerRow(run.run_id, run.pipeline, CLOSED, run.run_date, run.attempt, flow_run_id, facts, datetime.now(UTC))
    warehouse.close_run(row)


def require_open(warehouse: Warehouse, run_id: str) -> None:
    """Before the work, and to say why it was refused after it; what counts is the look in the transaction.

    Raises RunClosed.
    """
    row = warehouse.ledger_row(run_id, CLOSED)
    if row is not None:
        raise RunClosed(f"run {run_id} was closed, nothing of it is committed any more: {row.facts.get('reason')}")
