"""Hold back: after a run_date that has failed, later ones that nobody asked for by hand wait for its repair."""

from datetime import date
from functools import partial

from errors import Permanent
from messenger.contract import RunRequest
from register.register import Register, Run
from settings import get_settings
from tasks.carrier import this_flow_run
from tasks.note import note
from tasks.report import failure_of, status_of
from tasks.with_register import with_register

CATCH_UP = "catch-up"
"""Who asked for a run_date that was missed (tasks/catch_up.py)."""


class HeldBack(Permanent):
    """An earlier run_date has failed: nothing of the run was started. It is caught up after the repair."""


def was_held_back(run: Run) -> bool:
    return run.error is not None and run.error.type == HeldBack.__name__


def require_no_failure_before(register: Register, pipeline: str, run_date: date) -> None:
    """A date that was itself held back is no failure: the one that holds it back is. Raises HeldBack."""
    before = register.last_before(pipeline, run_date)
    while before is not None and was_held_back(before):
        before = register.last_before(pipeline, before.run_date)
    if before is not None and before.state == "failed":
        raise HeldBack(
            f"{pipeline} {run_date} is held back because run {before.run_id} has failed: ask for {before.run_date}"
            " again, and then for this date, unless it is caught up (ORCHESTRATOR_CATCH_UP, and"
            " ORCHESTRATOR_HOLD_AFTER_FAILURE, which holds it back)"
        )


def hold_back(run: RunRequest, *, scheduled: bool) -> None:
    """To be called when it is the run's turn: the date before may have failed while this one stood in line.

    A scheduled run, or one that is caught up, ends here then, before its first step. Raises HeldBack.
    """
    if get_settings().orchestrator.hold_after_failure:
        with_register(partial(_hold_back, run=run, scheduled=scheduled))


def _hold_back(register: Register, run: RunRequest, scheduled: bool) -> None:
    known = register.get(run.run_id)
    if known is None or known.state != "requested":
        return
    if known.requested_by != CATCH_UP and not (scheduled and known.requested_by == this_flow_run()):
        return
    try:
        require_no_failure_before(register, run.pipeline, run.run_date)
    except HeldBack as held:
        note(register, status_of(run, "failed", error=failure_of(held)))
        raise
