"""Flow runs of Prefect that ended long ago, with their logs and artifacts."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.exceptions import ObjectNotFound

from watch.leftovers import Leftover

PAGE = 200
"""Prefect's own bound of one answer."""
MOST = 2000
"""So many at one time; the rest is for the next."""


def old_flow_runs(client: SyncPrefectClient, before: datetime) -> Iterator[Leftover]:
    ended = FlowRunFilter(
        end_time=FlowRunFilterEndTime(before_=before),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(TERMINAL_STATES))),
    )
    for offset in range(0, MOST, PAGE):
        page = client.read_flow_runs(flow_run_filter=ended, limit=PAGE, offset=offset)
        for flow_run in page:
            yield Leftover(flow_run.name, flow_run.end_time or before, partial(_remove, client, flow_run.id))
        if len(page) < PAGE:
            return


def has_ended(client: SyncPrefectClient, flow_run_id: str) -> bool:
    """Whether it has ended, or is not known any more."""
    try:
        state = client.read_flow_run(UUID(flow_run_id)).state
    except ObjectNotFound:
        return True
    return state is not None and state.is_final()


def _remove(client: SyncPrefectClient, flow_run_id: UUID) -> None:
    """Prefect removes the logs with the flow run, and leaves the artifacts: those go first."""
    ours = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
    while artifacts := client.read_artifacts(artifact_filter=ours, limit=PAGE):
        for artifact in artifacts:
            client.delete_artifact(artifact.id)
    try:
        client.delete_flow_run(flow_run_id)
    except ObjectNotFound:
        return
