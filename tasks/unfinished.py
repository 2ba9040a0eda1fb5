"""Unfinished: runs without an end that no process carries out any more. Each is taken up or gets its end."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from prefect.client.schemas.objects import FlowRun

from errors import Permanent, Retryable
from messenger.contract import ORCHESTRATE, Failure
from register.ask import publish
from register.register import Register, Run
from settings import get_settings
from tasks.cancel import end_as_cancelled
from tasks.carrier import flow_run_in
from tasks.claim import request_of
from tasks.dead_letter import set_aside
from tasks.left_running import end_stuck, is_stuck
from tasks.look import find_flow_run, find_flow_run_by_id, is_cancelled
from tasks.note import note
from tasks.report import status_of
from tasks.turn import PATIENCE
from wiring import open_messenger

LOOKED_AT = 500
"""So many of the newest runs."""


@dataclass(frozen=True, slots=True)
class Settled:
    """One thing that did not fit, and what was done."""

    run_id: str
    found: str
    done: str


Look = Callable[[Run], FlowRun | None]


def orchestrator_of(run: Run) -> FlowRun | None:
    """The flow run that told last that it carries the run out. One that is still in line has told nothing: it is that
    of the run's key, or the one that asked for the run itself. Raises httpx.HTTPError.
    """
    told = next((news.flow_run_id for news in run.steps if news.step == ORCHESTRATE), None)
    found = find_flow_run_by_id(told) if told else None
    found = found or find_flow_run(f"{run.run_id}/{ORCHESTRATE}")
    asked = flow_run_in(run.requested_by)
    return found or (find_flow_run_by_id(str(asked)) if asked else None)


def unfinished(register: Register, now: datetime) -> list[Run]:
    """Runs without an end that nobody carries out: no process is heard of, and there was time for one."""
    return [
        run
        for run in register.list(limit=LOOKED_AT)
        if not run.final and now - run.requested_at > PATIENCE and register.holder_of(run.run_id, now=now) is None
    ]


def settle_ends(register: Register, look: Look, now: datetime) -> list[Settled]:
    """What cannot be settled now stays for the next time, and keeps nothing else from being settled."""
    settled: list[Settled] = []
    for run in unfinished(register, now):
        try:
            if (one := settle_unfinished(register, run, look, now)) is not None:
                settled.append(one)
        except (Retryable, Permanent, httpx.HTTPError) as error:
            settled.append(Settled(run.run_id, "it has no end", f"not settled now: {type(error).__name__}"))
    return settled


def settle_unfinished(register: Register, run: Run, look: Look, now: datetime) -> Settled | None:
    """Asked for again, unless its flow run has ended in another way than by dying, or has still to begin."""
    flow_run = look(run)
    if flow_run is None or flow_run.state is None:
        return _ask_again(register, run, "no flow run carries it out")
    if is_cancelled(flow_run):
        end_as_cancelled(register, run, str(flow_run.id))
        done = "ended" if run.state == "requested" else "steps stopped, run closed"
        return Settled(run.run_id, "cancelled before it could stop its steps", done)
    if is_stuck(flow_run, now):
        end_stuck(flow_run)
        return _ask_again(register, run, "a worker had taken its orchestrator and never started it")
    if flow_run.state.is_completed():
        note(register, status_of(request_of(run), "succeeded", flow_run_id=str(flow_run.id)))
        return Settled(run.run_id, "its orchestrator had confirmed it and could not say so", "noted")
    if flow_run.state.is_failed():
        _end_as_failed(register, run, flow_run)
        found = f"its orchestrator is {flow_run.state_name} and could not tell the register"
        return Settled(run.run_id, found, "ended, and set aside")
    if flow_run.state.is_final() or flow_run.state.is_running():
        return _ask_again(register, run, f"its orchestrator is {flow_run.state_name} and not heard of")
    return None


def _ask_again(register: Register, run: Run, found: str) -> Settled:
    deadline = timedelta(seconds=get_settings().orchestrator.step_deadline)
    with closing(open_messenger()) as messenger:
        publish(register, messenger, run, deadline)
    return Settled(run.run_id, found, "asked for again")


def _end_as_failed(register: Register, run: Run, flow_run: FlowRun) -> None:
    """Asked for again it would get the same flow run back."""
    failure = Failure(
        type=str(flow_run.state_name), message=f"flow run {flow_run.id} ended as {flow_run.state_name}; see its log"
    )
    request = request_of(run)
    note(register, status_of(request, "failed", error=failure, flow_run_id=str(flow_run.id)))
    set_aside(request, failure.message)
