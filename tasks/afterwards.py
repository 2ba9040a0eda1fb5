"""Afterwards: ask for what follows a confirmed run, such as its report, and wait for none of it."""

from uuid import UUID

from prefect import get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE

from errors import Permanent, Retryable
from messenger.contract import RunRequest
from pipelines import find_pipeline
from tasks.claim import step_request
from tasks.request import publish_request

ASKED_BY = "prefect flow run "
"""Stands before the id of the flow run that orchestrated the run, where its artifacts are looked for."""


@task(name="afterwards", task_run_name="ask for what follows {run.run_id}", cache_policy=NO_CACHE)
def ask_for_afterwards(run: RunRequest) -> None:
    """The run is confirmed: that this could not be asked for stands in the log, and fails nothing."""
    for follower in find_pipeline(run.pipeline).afterwards:
        request = step_request(
            follower.name,
            pipeline=run.pipeline,
            run_date=run.run_date,
            attempt=run.attempt,
            parameters=run.parameters,
            requested_by=f"{ASKED_BY}{runtime.flow_run.id}",
        )
        try:
            publish_request(request)
        except (Permanent, Retryable) as error:
            get_run_logger().error("%s of run %s could not be asked for: %s", follower.name, run.run_id, error)


def orchestrator_of(request: RunRequest) -> UUID | None:
    """The flow run that asked for this; None when somebody else did."""
    try:
        return UUID(request.requested_by.removeprefix(ASKED_BY))
    except ValueError:
        return None
