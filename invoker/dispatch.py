"""Dispatch: from a message to a flow run in Prefect. One function, whichever way the message came."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from errors import Permanent
from invoker.flow_runs import FlowRun, FlowRunRefused, FlowRuns
from messenger.contract import ORCHESTRATE, Failure, RunRequest, RunStatus
from pipelines import UnknownStep, deployment_of
from settings import get_settings

RESERVED = "__prefect"
"""Prefect computes values for parameters of such names, from templates and stored variables."""

TIMES_TAKEN_UP = 5
"""So often an orchestration whose process died is begun anew; after that the run has failed."""

Tell = Callable[[RunStatus], Awaitable[None]]
"""Publishes a status; returns once it is durable."""
log = logging.getLogger(__name__)


class KeyTaken(Permanent):
    """The run's step was asked for before, with other parameters."""


class TooLate(Permanent):
    """Nobody waits for this step any more."""


async def dispatch(request: RunRequest, flow_runs: FlowRuns, tell: Tell) -> FlowRun:
    """Returns once the request's flow run exists in Prefect: created now, or by an earlier delivery.

    An orchestration whose process died is taken up again: the request for a run, delivered again, gives it a new
    flow run. What can never work is told at once as a failed status. So is a flow run that an earlier delivery created
    and that has ended without doing its work. Raises Permanent for what belongs to the dead letters, and
    Retryable, PrefectUnavailable among it, for what is worth trying again.
    """
    try:
        flow_run, new = await _create(request, flow_runs)
    except (UnknownStep, FlowRunRefused, TooLate) as error:
        await tell(failed(request, type(error).__name__, str(error)))
        raise Permanent(f"{type(error).__name__}: {error}") from None
    if not new:
        _check_same_work(request, flow_run)
    if flow_run.ended_badly:
        await tell(failed(request, flow_run.state_name, ended_without_a_word(flow_run), flow_run))
    log.info("%s %s", "dispatched as flow run" if new else "was dispatched before as flow run", flow_run.id)
    return flow_run


async def _create(request: RunRequest, flow_runs: FlowRuns) -> tuple[FlowRun, bool]:
    deployment = deployment_of(request.pipeline, request.step, get_settings().steps)
    if reserved := [name for name in request.parameters if name.startswith(RESERVED)]:
        raise FlowRunRefused(f"names that Prefect keeps for itself: {', '.join(reserved)}")
    # the run as a whole takes its deadlines from when it starts; a step has an orchestrator that gave up on it
    if request.step != ORCHESTRATE and request.deadline < datetime.now(UTC):
        raise TooLate(f"the deadline was {request.deadline:%Y-%m-%d %H:%M:%S %Z}")
    for key in keys_of(request):
        flow_run, new = await flow_runs.create(
            deployment,
            key=key,
            name=key,
            parameters=flow_parameters(request),
            tags=[request.pipeline, request.run_date.isoformat()],
            labels={"run_id": request.run_id, "pipeline": request.pipeline, "step": request.step},
        )
        if not flow_run.crashed:
            break
        _check_same_work(request, flow_run)
    return flow_run, new


def keys_of(request: RunRequest) -> Sequence[str]:
    """A step has one: when it crashed its orchestrator begins a new attempt. An orchestrator is taken up again."""
    if request.step != ORCHESTRATE:
        return [request.key]
    return [request.key, *(f"{request.key}/{number}" for number in range(2, TIMES_TAKEN_UP + 2))]


def flow_parameters(request: RunRequest) -> Mapping[str, Any]:
    """What the flow is called with: `orchestrate` as a person would call it, a step with its request."""
    if request.step == ORCHESTRATE:
        return {
            "pipeline": request.pipeline,
            "run_date": request.run_date.isoformat(),
            "attempt": request.attempt,
            "parameters": request.parameters,
        }
    return {"request": request.model_dump(mode="json")}


def _check_same_work(request: RunRequest, existing: FlowRun) -> None:
    """Raises KeyTaken. No status goes out: the run that has the key may be on its way, and well."""
    wanted = flow_parameters(request)
    if request.step == ORCHESTRATE:
        same = all(existing.parameters.get(name) == value for name, value in wanted.items())
    else:
        same = _request_of(existing, request).same_work(request)
    if not same:
        raise KeyTaken(f"{request.key} was asked for before with other parameters, as flow run {existing.id}")


def _request_of(existing: FlowRun, request: RunRequest) -> RunRequest:
    try:
        return RunRequest.model_validate(existing.parameters.get("request"))
    except ValidationError:
        raise KeyTaken(f"flow run {existing.id} has the key {request.key} and is not of this system") from None


def ended_without_a_word(flow_run: FlowRun) -> str:
    return f"flow run {flow_run.id} ended as {flow_run.state_name}; its log in Prefect says more"


def failed(request: RunRequest, error_type: str, message: str, flow_run: FlowRun | None = None) -> RunStatus:
    """The status that tells of a step that will not be done. One whose process died is worth another attempt."""
    return RunStatus(
        run_id=request.run_id,
        pipeline=request.pipeline,
        step=request.step,
        run_date=request.run_date,
        attempt=request.attempt,
        state="failed",
        error=Failure(
            type=error_type[:200], message=message[:1000], retryable=flow_run is not None and flow_run.crashed
        ),
        flow_run_id=flow_run.id if flow_run else None,
        at=datetime.now(UTC),
    )
