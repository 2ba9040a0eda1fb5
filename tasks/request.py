"""Request: ask the Workload for one step, and be ready to hear the answer first."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

from prefect import task
from prefect.cache_policies import NO_CACHE

from messenger.contract import RunRequest
from messenger.messenger import REQUESTS, STANDING, STATUSES
from pipelines import Step
from tasks.claim import step_request
from wiring import open_messenger

LISTENING_EXPIRES = timedelta(days=1)
"""A waiter that never came back leaves its subscription; the messenger removes it after so long."""
WAITER = "statuses-"


def waiter_of(run_id: str) -> str:
    """The name of the run's own subscription to statuses."""
    return f"{WAITER}{run_id}"


def run_of(waiter: str) -> str | None:
    """The run whose subscription has this name; None for a subscription that is no run's."""
    return None if waiter in STANDING or not waiter.startswith(WAITER) else waiter.removeprefix(WAITER)


@contextmanager
def listening(run: RunRequest) -> Iterator[None]:
    """A subscription of the run's own, made before anything is asked for, so that no status is missed.

    It is removed when the run has ended well or failed. When the process is killed it stays: the flow run
    that takes the run up again finds its messages in it.
    """
    with closing(open_messenger()) as messenger:
        messenger.subscribe(waiter_of(run.run_id), STATUSES, run_id=run.run_id, expires_after=LISTENING_EXPIRES)
        try:
            yield
        finally:
            messenger.unsubscribe(waiter_of(run.run_id))


@task(name="request", task_run_name="request {step.name}", cache_policy=NO_CACHE)
def request_step(run: RunRequest, step: Step) -> RunRequest:
    """Publishes the request for one step of the run. Raises MessengerUnavailable."""
    request = step_request(
        step.name,
        pipeline=run.pipeline,
        run_date=run.run_date,
        attempt=run.attempt,
        parameters=run.parameters,
        requested_by=f"orchestrator of {run.run_id}",
    )
    with closing(open_messenger()) as messenger:
        messenger.publish(REQUESTS, request.encode(), request.attributes())
    return request
