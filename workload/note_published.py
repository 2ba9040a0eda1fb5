"""The last word of a publication: a ledger row of its own, once every file for readers is that of the run.

Rows are committed before files are written, and a process can die in between. Who confirms a run need not reach
the files, and reads here whether they are there (docs/adr/0029-published-is-in-the-ledger.md).
"""

from datetime import UTC, datetime

from messenger.contract import RunRequest
from warehouse.warehouse import PUBLISHED, LedgerRow, Warehouse


def note_published(warehouse: Warehouse, request: RunRequest, *, flow_run_id: str = "") -> None:
    """To be called after the last file. Raises RunClosed, and what the warehouse raises."""
    warehouse.note_published(
        LedgerRow(
            run_id=request.run_id,
            pipeline=request.pipeline,
            step=PUBLISHED,
            run_date=request.run_date,
            attempt=request.attempt,
            flow_run_id=flow_run_id,
            facts={},
            committed_at=datetime.now(UTC),
        )
    )
