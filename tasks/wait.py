"""Wait: until the step says how it went, or it is clear that it never will."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterIdempotencyKey
from prefect.client.schemas.objects import FlowRun

from errors import Permanent, Retryable
from messenger.contract import RunRequest, RunStatus
from messenger.messenger import Delivery, Messenger
from settings import get_settings
from tasks.request import waiter_of
from wiring import open_messenger

PULL_LIMIT = 10


class StepFailed(Permanent):
    """The step said itself that it failed."""


class StepLost(Retryable):
    """The step's flow run ended without a word: crashed, cancelled, or killed."""


class DeadlinePassed(Retryable):
    """The step did not say how it went before its deadline."""


def find_flow_run(request: RunRequest) -> FlowRun | None:
    """The step's flow run in Prefect, by the key under which the invoker creates it."""
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=[request.key])), limit=1
        )
    return found[0] if found else None


def final_status(delivery: Delivery, request: RunRequest) -> RunStatus | None:
    """The delivery as the final status of this very step, or None when it is anything else."""
    if delivery.attributes.get("run_id") != request.run_id or delivery.attributes.get("step") != request.step:
        return None
    status = RunStatus.model_validate_json(delivery.body)
    return status if status.final else None


def heard(messenger: Messenger, request: RunRequest, wait: float) -> RunStatus | None:
    """Takes what arrived within `wait` seconds; the final status if it was among it."""
    answer = None
    for delivery in messenger.pull(waiter_of(request.run_id), limit=PULL_LIMIT, wait=wait):
        answer = final_status(delivery, request) or answer
        messenger.ack(delivery)
    return answer


def wait_for_final(
    messenger: Messenger,
    request: RunRequest,
    *,
    poll: float,
    flow_run: Callable[[RunRequest], FlowRun | None] = find_flow_run,
) -> RunStatus | None:
    """The step's final status, or None when its flow run completed and the status did not come.

    Between messages it asks Prefect, each `poll` seconds, whether the flow run still lives. A status that is
    on its way when the flow run ends gets one more `poll` to arrive. Raises StepLost and DeadlinePassed.
    """
    ended: FlowRun | None = None
    while datetime.now(UTC) < request.deadline:
        status = heard(messenger, request, poll)
        if status is not None:
            return status
        if ended is not None:
            _refuse_unless_completed(ended, request)
            return None
        found = flow_run(request)
        if found is not None and found.state is not None and found.state.is_final():
            ended = found
    raise DeadlinePassed(f"step {request.step} of run {request.run_id} gave no result before {request.deadline}")


def _refuse_unless_completed(ended: FlowRun, request: RunRequest) -> None:
    if ended.state is not None and ended.state.is_completed():
        return
    raise StepLost(
        f"step {request.step} of run {request.run_id} ended as {ended.state_name} without a status;"
        f" look at the log of flow run {ended.id}"
    )


@task(name="wait", task_run_name="wait for {request.step}", cache_policy=NO_CACHE)
def wait_for_step(request: RunRequest) -> None:
    """Returns when the step says it succeeded, or when its flow run completed and only the news was lost.

    Raises StepFailed with the step's own words, StepLost, or DeadlinePassed.
    """
    with closing(open_messenger()) as messenger:
        status = wait_for_final(messenger, request, poll=get_settings().orchestrator.prefect_poll)
    if status is None:
        get_run_logger().warning("step %s completed, but its status was lost: the ledger decides", request.step)
    elif status.error is not None:
        raise StepFailed(f"step {request.step} of run {request.run_id}: {status.error.type}: {status.error.message}")
