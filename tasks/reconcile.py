"""Reconcile: finds what does not fit together after bad days, and settles each, saying what it did.

A run without an end whose orchestrator is dead is asked for again, which takes it up where it was. What Prefect, the
register and the ledger tell differently is settled by the one who knows: the ledger about what was committed, Prefect
about what was cancelled, the register about how a run ended.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from errors import Permanent
from messenger.contract import ORCHESTRATE
from pipelines import find_pipeline
from register.ask import newest_attempt
from register.register import Register, Run
from tasks.afterwards import ask_for_missing
from tasks.alert import alert_run
from tasks.cancel import RunCancelled, give_up
from tasks.checks import NotConfirmed
from tasks.claim import request_of
from tasks.hold import HeldBack
from tasks.left_running import end_left_running
from tasks.note import note
from tasks.turn import PATIENCE
from tasks.unfinished import LOOKED_AT, Settled, orchestrator_of, settle_ends
from tasks.wait import NeverStarted, StepLost, told_by_ledger
from warehouse.warehouse import CLOSED, Warehouse, WarehouseBusy
from wiring import open_register, open_warehouse

RECENT = timedelta(hours=6)
"""Runs that ended so lately are held against the ledger; earlier passes have seen the others."""
UNALERTED = (RunCancelled.__name__, "Cancelled", HeldBack.__name__)
"""Ends that a person has chosen, in our words and in Prefect's, or that another date's alert is about."""
BY_OTHERS = ("Failed", "TimedOut", "Crashed")
"""Prefect's words for how an orchestrator ended; somebody else has noted them, and it tells nobody any more."""
ALERTED_AS = {error.__name__: error for error in (NotConfirmed, StepLost, NeverStarted)} | {"Crashed": StepLost}
"""Errors that are told as another cause than `failed`, by the name that the register has; one is Prefect's."""


def settle_steps(register: Register, warehouse: Warehouse, run: Run) -> Iterable[Settled]:
    """Of a run that has ended: ledger rows without a status are told, of a status without its row people are told."""
    known = {news.step: news for news in run.steps}
    for step in find_pipeline(run.pipeline).steps:
        news = known.get(step.name)
        said = news is not None and news.state == "succeeded"
        request = request_of(run, step.name)
        told = told_by_ledger(warehouse, request)
        if told is not None and not said:
            note(register, told)
            yield Settled(run.run_id, f"step {step.name} has committed and never said so", "told from the ledger")
        if said and warehouse.ledger_row(run.run_id, step.name) is None and _is_newest(register, run):
            found = f"step {step.name} said it succeeded and has no row in the ledger"
            alert_run(request, NotConfirmed(f"{found}: ask for the date again"), step=step.name)
            yield Settled(run.run_id, found, "people are told: ask for the date again")
    if _could_commit(warehouse, run):
        give_up(request_of(run), "it has failed")
        yield Settled(run.run_id, "it has failed, and what of it still lives could commit", "steps stopped, run closed")


def _could_commit(warehouse: Warehouse, run: Run) -> bool:
    """A failed run that its orchestrator could not close. One that was held back has begun nothing, and one that was
    cancelled is closed before that is noted.
    """
    if run.error is None or run.error.type in (RunCancelled.__name__, HeldBack.__name__):
        return False
    return warehouse.ledger_row(run.run_id, CLOSED) is None


def _is_newest(register: Register, run: Run) -> bool:
    """What an earlier attempt has said of a date that was asked for again since concerns nobody any more."""
    newest = newest_attempt(register, run.pipeline, run.run_date)
    return newest is None or newest.run_id == run.run_id


def ask_afterwards(register: Register, now: datetime) -> list[Settled]:
    """For what follows a confirmed run, if its orchestrator could not. Raises MessengerUnavailable."""
    return [
        Settled(run.run_id, f"{step} was never asked for", "asked for now")
        for run in ended_lately(register, now)
        if run.state == "succeeded" and now - _ended(run) > PATIENCE and _is_newest(register, run)
        for step in ask_for_missing(register, run)
    ]


def alert_failed(register: Register, now: datetime) -> None:
    """Tells of runs that have failed, for those whose orchestrator died before it could: what was told is not told
    again (watch/book.py). One that lives has the time to tell it better.
    """
    for run in ended_lately(register, now):
        if run.error is None or run.error.type in UNALERTED:
            continue
        if run.error.type not in BY_OTHERS and now - _ended(run) <= PATIENCE:
            continue
        if _is_newest(register, run):
            error = ALERTED_AS.get(run.error.type, Permanent)(run.error.message)
            flow_run = next(news.flow_run_id for news in run.steps if news.step == ORCHESTRATE)
            alert_run(request_of(run), error, step=run.failed_step, flow_run_id=flow_run)


def _ended(run: Run) -> datetime:
    return max(news.at for news in run.steps)


def ended_lately(register: Register, now: datetime) -> list[Run]:
    return [run for run in register.list(limit=LOOKED_AT) if run.final and now - _ended(run) < RECENT]


def hold_against_ledger(register: Register, warehouse: Warehouse, now: datetime) -> list[Settled]:
    return [one for run in ended_lately(register, now) for one in settle_steps(register, warehouse, run)]


def settle_flow_runs(register: Register, now: datetime) -> list[Settled]:
    """Raises httpx.HTTPError when Prefect cannot be asked."""
    return [
        Settled(run.run_id, f"the flow run of its {step} was still running in Prefect", "ended there too")
        for run, step in end_left_running(ended_lately(register, now), now)
    ]


@task(name="settle", cache_policy=NO_CACHE)
def settle_runs() -> Sequence[Settled]:
    """Needs no warehouse, which may be in use for long. Raises RegisterUnavailable."""
    with closing(open_register()) as register:
        now = datetime.now(UTC)
        settled = [*settle_ends(register, orchestrator_of, now), *settle_flow_runs(register, now)]
        show(settled)
        alert_failed(register, now)
    return settled


@task(name="settle afterwards", cache_policy=NO_CACHE)
def settle_afterwards() -> Sequence[Settled]:
    """Raises RegisterUnavailable, MessengerUnavailable."""
    with closing(open_register()) as register:
        settled = ask_afterwards(register, datetime.now(UTC))
    show(settled)
    return settled


@task(name="settle ledger", cache_policy=NO_CACHE)
def settle_ledger() -> Sequence[Settled]:
    """A warehouse in use is for the next time. Raises RegisterUnavailable."""
    warehouse = open_warehouse()
    try:
        warehouse.prepare()
        with closing(open_register()) as register:
            settled = hold_against_ledger(register, warehouse, datetime.now(UTC))
    except WarehouseBusy as busy:
        get_run_logger().info("not held against the ledger this time: %s", busy)
        return []
    show(settled)
    return settled


def show(settled: Sequence[Settled]) -> None:
    for one in settled:
        get_run_logger().warning("run %s: %s; %s", one.run_id, one.found, one.done)
    if settled:
        create_table_artifact(
            key="reconciled",
            description=f"{len(settled)} settled",
            table=[{"run": one.run_id, "found": one.found, "done": one.done} for one in settled],
        )
