"""Cancel: the steps of a run that nobody wants any more are stopped, and nothing of it is committed afterwards."""

import logging

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelling

from errors import Permanent
from messenger.contract import RunRequest
from pipelines import find_pipeline
from tasks.look import WITHIN, find_flow_run
from warehouse.closing import close_run
from wiring import open_warehouse

log = logging.getLogger(__name__)


class RunCancelled(Permanent):
    """Somebody cancelled the run. Its steps were stopped, and what they had committed stays."""


def stop_steps(run: RunRequest, reason: str) -> list[str]:
    """Asks Prefect to cancel the flow runs of the run's steps that have not ended; returns which.

    Best effort: a step that goes on all the same cannot commit once the run is closed.
    """
    stopped = []
    for step in find_pipeline(run.pipeline).steps:
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
    with (
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
        get_client(sync_client=True, httpx_settings={"timeout": WITHIN}) as client,
    ):
        client.set_flow_run_state(flow_run.id, Cancelling(message=reason[:200]))


def give_up(run: RunRequest, reason: str, *, flow_run_id: str = "") -> None:
    """Stops what runs of the run, and closes it. Raises what the warehouse raises."""
    stop_steps(run, reason)
    close_run(open_warehouse(), run, reason, flow_run_id=flow_run_id)
