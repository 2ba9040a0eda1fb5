"""The step `remind`: reads the scores of the run_date, and replaces its reminders with their ledger row, at once."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from errors import Permanent
from examples.reminders.choose import Scored, choose
from messenger.contract import RunRequest, Scalar
from warehouse.duckdb_file import opened
from warehouse.duckdb_replace import committing
from warehouse.warehouse import LedgerRow, Warehouse

TABLE = """
    create table if not exists reminders (
        run_date date not null, place integer not null, customer_id varchar not null, run_id varchar not null
    )
"""
MOST = 100
BATCH_ROWS = 100_000


class NoScores(Permanent):
    """There is nobody to choose from; nothing was written."""


def remind(warehouse: Warehouse, file: Path, request: RunRequest, *, flow_run_id: str = "") -> dict[str, Scalar]:
    """Commits at most MOST reminders, or as many as the parameter `most` says; returns the ledger's facts.

    `file` is the warehouse's, on DuckDB. Doing it again replaces the same rows. Raises NoScores, RunClosed, and what
    the warehouse raises.
    """
    customers = list(_scored(warehouse, request.run_date))
    if not customers:
        raise NoScores(f"run {request.run_id}: {request.run_date} has no scores; run the pipeline rfm for it first")
    chosen = choose(customers, most=int(str(request.parameters.get("most", MOST))))
    facts: dict[str, Scalar] = {"customers": len(customers), "reminders": len(chosen)}
    _replace(file, request, [one.customer_id for one in chosen], facts, flow_run_id)
    return facts


def _scored(warehouse: Warehouse, run_date: date) -> Iterator[Scored]:
    with warehouse.current_segments(run_date, BATCH_ROWS) as batches:
        for batch in batches:
            rows = batch.select(["customer_id", "segment", "monetary"]).to_pylist()
            yield from (Scored(**row) for row in rows)


def _replace(
    file: Path, request: RunRequest, customers: Sequence[str], facts: dict[str, Scalar], flow_run_id: str
) -> None:
    ledger = LedgerRow(
        run_id=request.run_id,
        pipeline=request.pipeline,
        step=request.step,
        run_date=request.run_date,
        attempt=request.attempt,
        flow_run_id=flow_run_id,
        facts=facts,
        committed_at=datetime.now(UTC),
    )
    with opened(file, lock_wait=60, memory_limit="", read_only=False) as connection, committing(connection, ledger):
        connection.execute(TABLE)
        connection.execute("delete from reminders where run_date = ?", [request.run_date])
        connection.execute(
            """
            insert into reminders
            select $1, generate_subscripts($2::varchar[], 1), unnest($2::varchar[]), $3
            """,
            [request.run_date, list(customers), request.run_id],
        )
