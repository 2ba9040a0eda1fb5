"""Wait: until the step says how it went, or it is clear that it never will.

Whichever comes first ends the wait, with a named cause: the step's own word; its flow run ended without one; it was
never started; the deadline passed. While Prefect does not answer nothing is concluded from its silence, and a
Messenger that cannot be reached is tried again (docs/adr/0017-waiting-and-trying-again.md).
"""

import logging
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import FlowRun

from errors import Permanent, Retryable
from messenger.contract import Failure, RunRequest, RunStatus
from messenger.decode import NoMessage, decode_status
from messenger.messenger import Delivery, Messenger, SubscriptionMissing
from settings import get_settings
from tasks.again import AGAIN
from tasks.confirm import done_by_ledger
from tasks.listen import listen, waiter_of
from tasks.look import Lookout, Seen, is_cancelled
from tasks.patience import patiently
from tasks.progress import Progress
from tasks.report import status_of, tell
from warehouse.warehouse import Warehouse
from wiring import open_messenger, open_warehouse

PULL_LIMIT = 10
LAST_WORD = 1.0
"""Seconds: a status that is on its way when the flow run ends gets so long to arrive."""
Look = Callable[[RunRequest], Seen]
log = logging.getLogger(__name__)


class StepFailed(Permanent):
    """The step said itself that it failed, for a cause that stays."""


class StepHindered(Retryable):
    """The step said itself that it failed, for a cause that may pass."""


class StepCancelled(Permanent):
    """Somebody cancelled the step's flow run."""


class StepLost(Retryable):
    """The step's flow run ended without a word: crashed, killed, or its last status could not be sent."""


class NeverStarted(Retryable):
    """The step has no process: no worker took its flow run, or no flow run was made of the request."""


class DeadlinePassed(Permanent):
    """The step did not say how it went before its deadline: another attempt would take as long."""


def _about(request: RunRequest) -> str:
    return f"step {request.step} of run {request.run_id}"


def final_status(delivery: Delivery, request: RunRequest) -> RunStatus | None:
    """The delivery as the final status of this very step, or None when it is anything else.

    What cannot be read is no reason to give up: the register has its own copy, which goes to the dead letters.
    """
    if delivery.attributes.get("run_id") != request.run_id or delivery.attributes.get("step") != request.step:
        return None
    try:
        status = decode_status(delivery)
    except NoMessage as unreadable:
        log.warning("%s: a status that cannot be read is passed over: %s", _about(request), unreadable)
        return None
    return status if status.final else None


def heard(messenger: Messenger, request: RunRequest, wait: float) -> RunStatus | None:
    """Takes what arrived within `wait` seconds; the final status if it was among it.

    It is acknowledged before anything comes of it: back after a crash, a waiter has the ledger and Prefect to ask.
    A subscription that is gone, as after a broker lost its memory, is made anew. Raises MessengerUnavailable, and then
    what came will come again.
    """
    answer = None
    try:
        deliveries = messenger.pull(waiter_of(request.run_id), limit=PULL_LIMIT, wait=wait)
    except SubscriptionMissing:
        listen(messenger, request.run_id)
        return None
    for delivery in deliveries:
        answer = final_status(delivery, request) or answer
    if deliveries:
        messenger.ack(*deliveries)
    return answer


def wait_for_final(
    messenger: Messenger,
    request: RunRequest,
    *,
    poll: float,
    start_within: float,
    look: Look,
    show: Callable[[Seen], None] = lambda _: None,
) -> RunStatus:
    """The step's final status.

    Between messages it asks Prefect, each `poll` seconds, whether the flow run still lives. For `start_within`
    seconds Prefect may know that the step has not begun. Raises StepLost, StepCancelled, NeverStarted and
    DeadlinePassed.
    """
    ended: FlowRun | None = None
    idle_since = request.requested_at
    while datetime.now(UTC) < request.deadline:
        wait = poll if ended is None else min(poll, LAST_WORD)
        status = patiently(partial(heard, messenger, request, wait), until=request.deadline)
        if status is not None:
            return status
        if ended is not None:
            raise _without_a_word(request, ended)
        seen = look(request)
        show(seen)
        if seen.final:
            ended = seen.flow_run
        elif seen.begun or not seen.known:
            idle_since = datetime.now(UTC)
        elif datetime.now(UTC) - idle_since > timedelta(seconds=start_within):
            raise _never_started(request, seen, start_within)
    raise DeadlinePassed(
        f"{_about(request)} gave no result before its deadline, {request.deadline:%Y-%m-%d %H:%M:%S %Z}"
    )


def _without_a_word(request: RunRequest, ended: FlowRun) -> StepLost | StepCancelled:
    if ended.state is not None and ended.state.is_cancelled():
        return StepCancelled(f"{_about(request)} was cancelled, as flow run {ended.id}")
    return StepLost(f"{_about(request)} ended as {ended.state_name} without a status; look at flow run {ended.id}")


def _never_started(request: RunRequest, seen: Seen, start_within: float) -> NeverStarted:
    if seen.flow_run is None:
        why = "Prefect has no flow run of it; look at the invoker and at the dead letters"
    else:
        why = f"flow run {seen.flow_run.id} is {seen.flow_run.state_name}; look at the workers of its pool"
    return NeverStarted(f"{_about(request)} has not started within {start_within:g} s: {why}")


def told_by_ledger(warehouse: Warehouse, request: RunRequest) -> RunStatus | None:
    """A step that has done its work and could not say so has succeeded: the status it would have published."""
    row = done_by_ledger(warehouse, request)
    if row is None:
        return None
    told = status_of(request, "succeeded", facts=dict(row.facts))
    return told.model_copy(update={"flow_run_id": row.flow_run_id})


def raise_failure(request: RunRequest, failure: Failure, look: Look) -> None:
    """Raises StepFailed, StepHindered or StepCancelled with the step's own words."""
    text = f"{_about(request)}: {failure.type}: {failure.message}"
    if not failure.retryable:
        raise StepFailed(text)
    flow_run = look(request).flow_run
    if flow_run is not None and is_cancelled(flow_run):
        raise StepCancelled(f"{_about(request)} was cancelled, as flow run {flow_run.id}")
    raise StepHindered(text)


@task(name="wait", task_run_name="wait for {request.step}", cache_policy=NO_CACHE, **AGAIN)
def wait_for_step(request: RunRequest) -> None:
    """Returns when the step says it succeeded, or when the ledger says so and only the news was lost.

    Raises StepFailed or StepHindered with the step's own words, and what wait_for_final raises.
    """
    chosen, look = get_settings().orchestrator, Lookout()
    with closing(patiently(open_messenger, until=request.deadline)) as messenger:
        try:
            status = wait_for_final(
                messenger,
                request,
                poll=chosen.prefect_poll,
                start_within=chosen.start_within,
                look=look,
                show=Progress(request).show,
            )
        except (StepLost, DeadlinePassed):
            told = told_by_ledger(open_warehouse(), request)
            if told is None:
                raise
            get_run_logger().warning("step %s has committed, but its status was lost: the ledger decides", request.step)
            tell(told, until=request.deadline)
            return
    if status.error is not None:
        raise_failure(request, status.error, look)
