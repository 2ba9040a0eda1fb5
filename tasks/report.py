"""Report: a step always says how it went, whatever happened to it."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from prefect import runtime
from prefect.exceptions import TerminationSignal

from errors import Permanent, Retryable
from messenger.contract import Failure, RunRequest, RunStatus, Scalar, State
from messenger.messenger import STATUSES, MessengerUnavailable
from tasks.patience import patiently
from wiring import open_messenger

STARTED_WITHIN = timedelta(seconds=2)
"""That a step has started is news, and no reason to keep it from its work for longer."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Report:
    """What the step will say when it has succeeded: row counts and the like, never customer data."""

    facts: dict[str, Scalar] = field(default_factory=dict)


def failure_of(error: BaseException) -> Failure:
    """Our own errors keep customer data out of their text; of any other only the type is told."""
    if isinstance(error, Permanent | Retryable):
        text = " ".join(str(error).split())
    else:
        text = f"see the log of flow run {runtime.flow_run.id}"
    # somebody ended the process, such as a worker that is shut down; a cancelled run is told by Prefect's state
    may_pass = isinstance(error, Retryable | TerminationSignal)
    return Failure(type=type(error).__name__, message=text[:1000], retryable=may_pass)


def status_of(
    request: RunRequest,
    state: State,
    *,
    facts: dict[str, Scalar] | None = None,
    error: Failure | None = None,
    flow_run_id: str | None = None,
) -> RunStatus:
    """Of this flow run, unless it is told for another."""
    return RunStatus(
        run_id=request.run_id,
        pipeline=request.pipeline,
        step=request.step,
        run_date=request.run_date,
        attempt=request.attempt,
        state=state,
        facts=facts or {},
        error=error,
        flow_run_id=flow_run_id or runtime.flow_run.id,
        at=datetime.now(UTC),
    )


def publish_status(status: RunStatus, *, until: datetime) -> None:
    """Tried again until the moment. Raises MessengerUnavailable."""

    def publish() -> None:
        with closing(open_messenger()) as messenger:
            messenger.publish(STATUSES, status.encode(), status.attributes())

    patiently(publish, until=until)


def tell(status: RunStatus, *, until: datetime) -> None:
    """Publishes news that others can do without: they ask Prefect and the ledger when it does not come."""
    try:
        publish_status(status, until=until)
    except MessengerUnavailable as error:
        log.error(
            "step %s of run %s could not tell that it has %s: %s", status.step, status.run_id, status.state, error
        )


@contextmanager
def reporting(request: RunRequest) -> Iterator[Report]:
    """Publishes `started`, then `succeeded` with the facts or `failed` with the error; errors go on upwards.

    The last word is tried until the deadline. The step's own error is what is raised, also when it could not be
    told. When a process dies, nothing is published: whoever waits learns it from Prefect.
    """
    report = Report()
    tell(status_of(request, "started"), until=datetime.now(UTC) + STARTED_WITHIN)
    try:
        yield report
    except BaseException as error:
        tell(status_of(request, "failed", error=failure_of(error)), until=_patience(error, request))
        raise
    tell(status_of(request, "succeeded", facts=report.facts), until=request.deadline)


def _patience(error: BaseException, request: RunRequest) -> datetime:
    """A process that was told to end is killed soon: it has one chance to say so."""
    return datetime.now(UTC) if not isinstance(error, Exception) else request.deadline
