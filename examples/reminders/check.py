"""What confirms the step, as an entry of CHECKS in tasks/confirm.py: read from the tables, not from the message."""

from pathlib import Path

from messenger.contract import RunRequest
from settings import get_settings
from tasks.checks import Checks, NotConfirmed
from warehouse.duckdb_file import opened
from warehouse.warehouse import Warehouse


def check_reminders(warehouse: Warehouse, request: RunRequest) -> Checks:
    row = warehouse.ledger_row(request.run_id, request.step)
    if row is None:
        raise NotConfirmed(f"step {request.step} of run {request.run_id} has no row in the ledger")
    rows, customers, foreign = _counted(get_settings().warehouse.path, request)
    return {
        "there are as many reminders as the ledger says": rows == row.facts["reminders"],
        "nobody is reminded twice": customers == rows,
        "the rows of the date are those of this run": foreign == 0,
    }


def _counted(file: Path, request: RunRequest) -> tuple[int, int, int]:
    query = """
        select count(*), count(distinct customer_id), count(*) filter (run_id <> ?) from reminders where run_date = ?
    """
    with opened(file, lock_wait=60, memory_limit="", read_only=True) as connection:
        [counts] = connection.execute(query, [request.run_id, request.run_date]).fetchall()
    return counts
