"""Reconcile: finds what does not fit together after bad days, and settles each, saying what it did.

A run without an end whose orchestrator is dead is asked for again, which takes it up where it was. What Prefect, the
register and the ledger tell differently is settled by the one who knows: the ledger about what was committed, Prefect
about what was cancelled, the register about how a run ended.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun

from errors import Permanent, Retryable
from messenger.contract import ORCHESTRATE, Failure, RunStatus
from pipelines import find_pipeline
from register.ask import newest_attempt, publish
from register.register import Register, Run
from settings import get_settings
from tasks.again import AGAIN
from tasks.alert import alert_run
from tasks.cancel import RunCancelled, give_up
from tasks.checks import NotConfirmed
from tasks.claim import request_of
from tasks.confirm import done_by_ledger
from tasks.left_running import end_left_running, end_stuck, is_stuck
from tasks.look import find_flow_run, find_flow_run_by_id, is_cancelled
from tasks.report import status_of, tell
from tasks.turn import PATIENCE
from warehouse.warehouse import Warehouse
from wiring import open_messenger, open_register, open_warehouse

LOOKED_AT = 500
"""So many of the newest runs."""
RECENT = timedelta(hours=6)
"""Runs that ended so lately are held against the ledger; earlier passes have seen the others."""
TELLING = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Settled:
    """One thing that did not fit, and what was done."""

    run_id: str
    found: str
    done: str


Look = Callable[[Run], FlowRun | None]


def orchestrator_of(run: Run) -> FlowRun | None:
    """The flow run that told last that it carries the run out. Raises httpx.HTTPError."""
    told = next((news.flow_run_id for news in run.steps if news.step == ORCHESTRATE), None)
    found = find_flow_run_by_id(told) if told else None
    return found or find_flow_run(f"{run.run_id}/{ORCHESTRATE}")


def unfinished(register: Register, now: datetime) -> list[Run]:
    """Runs without an end that nobody carries out: no process is heard of, and there was time for one."""
    return [
        run
        for run in register.list(limit=LOOKED_AT)
        if not run.final and now - run.requested_at > PATIENCE and register.holder_of(run.run_id, now=now) is None
    ]


def settle_unfinished(register: Register, run: Run, look: Look, now: datetime) -> Settled | None:
    """Asked for again, unless it was cancelled, or its flow run has still to begin."""
    flow_run = look(run)
    if flow_run is None or flow_run.state is None:
        return _ask_again(register, run, "no flow run carries it out")
    if is_cancelled(flow_run):
        give_up(request_of(run), f"cancelled in Prefect, as flow run {flow_run.id}", flow_run_id=str(flow_run.id))
        _end_as_cancelled(register, run, flow_run)
        return Settled(run.run_id, "cancelled before it could stop its steps", "steps stopped, run closed")
    if is_stuck(flow_run, now):
        end_stuck(flow_run)
        return _ask_again(register, run, "a worker had taken its orchestrator and never started it")
    if flow_run.state.is_final() or flow_run.state.is_running():
        return _ask_again(register, run, f"its orchestrator is {flow_run.state_name} and not heard of")
    return None


def _ask_again(register: Register, run: Run, found: str) -> Settled:
    deadline = timedelta(seconds=get_settings().orchestrator.step_deadline)
    with closing(open_messenger()) as messenger:
        publish(register, messenger, run, deadline)
    return Settled(run.run_id, found, "asked for again")


def _end_as_cancelled(register: Register, run: Run, flow_run: FlowRun) -> None:
    failure = Failure(type=RunCancelled.__name__, message=f"cancelled in Prefect, as flow run {flow_run.id}")
    _note(register, status_of(request_of(run), "failed", error=failure), str(flow_run.id))


def _note(register: Register, status: RunStatus, flow_run_id: str | None) -> None:
    told = status.model_copy(update={"flow_run_id": flow_run_id})
    register.note_status(told)
    tell(told, until=datetime.now(UTC) + TELLING)


def settle_steps(register: Register, warehouse: Warehouse, run: Run) -> Iterable[Settled]:
    """Of a run that has ended: ledger rows without a status are told, of a status without its row people are told."""
    known = {news.step: news for news in run.steps}
    for step in find_pipeline(run.pipeline).steps:
        news = known.get(step.name)
        said = news is not None and news.state == "succeeded"
        request = request_of(run).model_copy(update={"step": step.name})
        row = done_by_ledger(warehouse, request)
        if row is not None and not said:
            _note(register, status_of(request, "succeeded", facts=dict(row.facts)), row.flow_run_id)
            yield Settled(run.run_id, f"step {step.name} has committed and never said so", "told from the ledger")
        if said and warehouse.ledger_row(run.run_id, step.name) is None and _is_newest(register, run):
            found = f"step {step.name} said it succeeded and has no row in the ledger"
            alert_run(request, NotConfirmed(f"{found}: ask for the date again"), step=step.name)
            yield Settled(run.run_id, found, "people are told: ask for the date again")


def _is_newest(register: Register, run: Run) -> bool:
    """What an earlier attempt has said of a date that was asked for again since concerns nobody any more."""
    newest = newest_attempt(register, run.pipeline, run.run_date)
    return newest is None or newest.run_id == run.run_id


def reconcile(register: Register, warehouse: Warehouse, look: Look, now: datetime) -> list[Settled]:
    """What cannot be settled now stays for the next time, and keeps nothing else from being settled."""
    settled: list[Settled] = []
    for run in unfinished(register, now):
        try:
            if (one := settle_unfinished(register, run, look, now)) is not None:
                settled.append(one)
        except (Retryable, Permanent, httpx.HTTPError) as error:
            settled.append(Settled(run.run_id, "it has no end", f"not settled now: {type(error).__name__}"))
    for run in ended_lately(register, now):
        settled += settle_steps(register, warehouse, run)
    return settled


def ended_lately(register: Register, now: datetime) -> list[Run]:
    return [
        run for run in register.list(limit=LOOKED_AT) if run.final and now - max(news.at for news in run.steps) < RECENT
    ]


def settle_flow_runs(register: Register, now: datetime) -> list[Settled]:
    """Raises httpx.HTTPError when Prefect cannot be asked."""
    return [
        Settled(run.run_id, f"the flow run of its {step} was still running in Prefect", "ended there too")
        for run, step in end_left_running(ended_lately(register, now), now)
    ]


@task(name="settle", cache_policy=NO_CACHE, **AGAIN)
def settle_runs() -> Sequence[Settled]:
    """Raises RegisterUnavailable, and WarehouseBusy when another process holds the warehouse for too long."""
    warehouse = open_warehouse()
    warehouse.prepare()
    with closing(open_register()) as register:
        now = datetime.now(UTC)
        settled = [*reconcile(register, warehouse, orchestrator_of, now), *settle_flow_runs(register, now)]
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
