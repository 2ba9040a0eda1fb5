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
from tasks.report import publish_status, status_of
from tasks.request import waiter_of
from warehouse.warehouse import Warehouse
from wiring import open_messenger, open_warehouse

PULL_LIMIT = 10


class StepFailed(Permanent):
    """The step said itself that it failed."""


class StepLost(Retryable):
    """The step's flow run ended without a word: crashed, cancelled, killed, or its last status could not be sent."""

    def __init__(self, request: RunRequest, ended: FlowRun) -> None:
        self.cancelled = ended.state is not None and ended.state.is_cancelled()
        super().__init__(
            f"step {request.step} of run {request.run_id} ended as {ended.state_name} without a status;"
            f" look at the log of flow run {ended.id}"
        )


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
) -> RunStatus:
    """The step's final status.

    Between messages it asks Prefect, each `poll` seconds, whether the flow run still lives. A status that is
    on its way when the flow run ends gets one more `poll` to arrive. Raises StepLost and DeadlinePassed.
    """
    ended: FlowRun | None = None
    while datetime.now(UTC) < request.deadline:
        status = heard(messenger, request, poll)
        if status is not None:
            return status
        if ended is not None:
            raise StepLost(request, ended)
        found = flow_run(request)
        if found is not None and found.state is not None and found.state.is_final():
            ended = found
    raise DeadlinePassed(f"step {request.step} of run {request.run_id} gave no result before {request.deadline}")


def tell_from_ledger(messenger: Messenger, warehouse: Warehouse, request: RunRequest, lost: StepLost) -> None:
    """A step that has committed and could not say so has succeeded: its status is published now, from the ledger.

    Raises the StepLost when nothing was committed, and when the step was cancelled.
    """
    row = None if lost.cancelled else warehouse.ledger_row(request.run_id, request.step)
    if row is None:
        raise lost
    get_run_logger().warning("step %s has committed, but its status was lost: the ledger decides", request.step)
    told = status_of(request, "succeeded", facts=dict(row.facts))
    publish_status(messenger, told.model_copy(update={"flow_run_id": row.flow_run_id}))


@task(name="wait", task_run_name="wait for {request.step}", cache_policy=NO_CACHE)
def wait_for_step(request: RunRequest) -> None:
    """Returns when the step says it succeeded, or when the ledger says so and only the news was lost.

    Raises StepFailed with the step's own words, StepLost, or DeadlinePassed.
    """
    with closing(open_messenger()) as messenger:
        try:
            status = wait_for_final(messenger, request, poll=get_settings().orchestrator.prefect_poll)
        except StepLost as lost:
            tell_from_ledger(messenger, open_warehouse(), request, lost)
            return
    if status.error is not None:
        raise StepFailed(f"step {request.step} of run {request.run_id}: {status.error.type}: {status.error.message}")
