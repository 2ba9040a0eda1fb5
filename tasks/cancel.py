"""Cancel: the steps of a run that nobody wants any more are stopped, and nothing of it is committed afterwards."""

import logging
from contextlib import closing

import httpx
from prefect import runtime
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling

from errors import Permanent, Retryable
from messenger.contract import RunRequest
from pipelines import find_pipeline
from register.register import Register, Run
from tasks.claim import request_of
from tasks.listen import stop_listening
from tasks.look import brief_client, find_flow_run
from tasks.note import note
from tasks.report import failure_of, status_of
from warehouse.closing import close_run
from wiring import open_register, open_warehouse

log = logging.getLogger(__name__)


class RunCancelled(Permanent):
    """Somebody cancelled the run. Its steps were stopped, and what they had committed stays."""


def stop_steps(run: RunRequest, reason: str, *, ending: str | None = None) -> list[str]:
    """Asks Prefect to cancel the flow runs of the run's steps that have not ended; returns which.

    The step `ending` is left alone: it has told its end, and Prefect is about to hear how its flow run ended, which a
    cancellation would hide. Best effort: a step that goes on all the same cannot commit once the run is closed.
    """
    stopped = []
    for step in find_pipeline(run.pipeline).steps:
        if step.name == ending:
            continue
        key = f"{run.run_id}/{step.name}"
        try:
            found = find_flow_run(key)
            if found is not None and found.state is not None and not found.state.is_final():
                _cancel(found, reason)
                stopped.append(step.name)
        except httpx.HTTPError as error:
            log.warning("step %s of run %s could not be cancelled: %s", step.name, run.run_id, type(error).__name__)
    return stopped


def _cancel(flow_run: FlowRun, reason: str) -> None:
    with brief_client() as client:
        client.set_flow_run_state(flow_run.id, Cancelling(message=reason[:200]))


def give_up(run: RunRequest, reason: str, *, flow_run_id: str = "", ending: str | None = None) -> None:
    """Stops what runs of the run but for the step `ending`, and closes it. Raises what the warehouse raises."""
    stop_steps(run, reason, ending=ending)
    close_run(open_warehouse(), run, reason, flow_run_id=flow_run_id)


def end_as_cancelled(register: Register, run: Run, flow_run_id: str) -> None:
    """Stops and closes the run, and then notes that it has failed. One that still stood in line has nothing to close.

    Raises what the warehouse raises: nothing is noted then, and reconcile finds the run.
    """
    cancelled = RunCancelled(f"run {run.run_id} was cancelled in Prefect, as flow run {flow_run_id}")
    request = request_of(run)
    if run.state != "requested":
        give_up(request, str(cancelled), flow_run_id=flow_run_id)
    note(register, status_of(request, "failed", error=failure_of(cancelled), flow_run_id=flow_run_id))


def cancel_run(run_id: str) -> None:
    """To be called by the process whose flow run was cancelled; a run that has ended stays as it ended.

    The process is killed soon: the register is not waited for, warehouse and Messenger only briefly. What cannot be
    done now is done by reconcile.
    """
    try:
        with closing(open_register()) as register:
            run = register.get(run_id)
            if run is not None and not run.final:
                end_as_cancelled(register, run, str(runtime.flow_run.id))
    except (Retryable, Permanent) as error:
        log.warning("run %s was cancelled, and reconcile has to end it: %s", run_id, error)
    stop_listening(run_id)
