"""Request: ask the Workload for one step of the run."""

from contextlib import closing
from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE

from messenger.contract import RunRequest
from messenger.messenger import REQUESTS
from pipelines import Step
from tasks.claim import step_request
from tasks.patience import patiently
from wiring import open_messenger


def publish_request(request: RunRequest) -> None:
    """Raises MessengerUnavailable."""
    with closing(open_messenger()) as messenger:
        messenger.publish(REQUESTS, request.encode(), request.attributes())


@task(name="request", task_run_name="request {step.name}", cache_policy=NO_CACHE)
def request_step(run: RunRequest, step: Step) -> RunRequest:
    """Publishes the request for one step of the run. Asked for twice, it is carried out once.

    Raises MessengerUnavailable when the Messenger could not be reached before the step's deadline.
    """
    request = step_request(
        step.name,
        pipeline=run.pipeline,
        run_date=run.run_date,
        attempt=run.attempt,
        parameters=run.parameters,
        inputs=run.inputs,
        requested_by=f"orchestrator of {run.run_id}",
    )

    patiently(partial(publish_request, request), until=request.deadline)
    return request
