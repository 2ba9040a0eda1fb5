"""Left running: a flow run whose work has ended, and that Prefect still shows as running, gets the end that it had.

A process that ends while Prefect is away cannot report its end, and nobody else does when its worker has gone too.
What it has told before is in the register. A flow run that told nothing is for the heartbeats: without them it is
set to Crashed (deployments/automations/zombies.yaml).
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
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelled, Completed, Failed

from register.register import Run, StepNews
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
