"""Left running: a flow run that has no process any more, and no end in Prefect, gets one.

A process that ends while Prefect is away cannot report its end, and nobody else does when its worker has gone too.
What it has told before is in the register. A flow run that told nothing is for the heartbeats: without them it is
set to Crashed (deployments/automations/zombies.yaml). One whose worker died before it had started a process has never
sent any: of a step its orchestrator gives up (NeverStarted), of an orchestrator reconcile does.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Cancelled, Completed, Crashed, Failed

from register.register import Run, StepNews
from settings import get_settings
from tasks.cancel import RunCancelled

PATIENCE = timedelta(minutes=3)
"""After its last word a process still has to report its end, to a server that may be slow."""


def end_left_running(runs: Sequence[Run], now: datetime) -> list[tuple[Run, str]]:
    """The steps, each with its run, whose flow runs were running and have now ended. Raises httpx.HTTPError."""
    ended = {
        UUID(news.flow_run_id): (run, news)
        for run in runs
        for news in run.steps
        if news.flow_run_id and news.state in ("succeeded", "failed") and now - news.at > PATIENCE
    }
    if not ended:
        return []
    running = FlowRunFilter(
        id=FlowRunFilterId(any_=list(ended)),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING])),
    )
    with get_client(sync_client=True) as client:
        found = [flow_run.id for flow_run in client.read_flow_runs(flow_run_filter=running)]
        for flow_run_id in found:
            client.set_flow_run_state(flow_run_id, _end(ended[flow_run_id][1]), force=True)
    return [(run, news.step) for run, news in (ended[flow_run_id] for flow_run_id in found)]


def _end(news: StepNews) -> State[None]:
    said = f"Ended by reconcile: it said so at {news.at:%Y-%m-%d %H:%M:%S %Z}, and its process could not tell Prefect."
    if news.error is None:
        return Completed(message=said)
    kind = Cancelled if news.error.type == RunCancelled.__name__ else Failed
    return kind(message=f"{said} {news.error.type}: {news.error.message}")


def is_stuck(flow_run: FlowRun, now: datetime) -> bool:
    """Whether a worker took it so long ago that it would run if the worker had not died."""
    state, patience = flow_run.state, timedelta(seconds=get_settings().orchestrator.start_within)
    return state is not None and state.is_pending() and now - state.timestamp > patience


def end_stuck(flow_run: FlowRun) -> None:
    """Should its process come up all the same, it finds that it has crashed. Raises httpx.HTTPError."""
    state: State[None] = Crashed(message="Ended by reconcile: a worker had taken it and never started it.")
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run.id, state, force=True)
