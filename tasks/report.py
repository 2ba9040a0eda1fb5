"""Report: a step always says how it went, whatever happened to it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from prefect import runtime

from errors import Permanent, Retryable
from messenger.contract import Failure, RunRequest, RunStatus, Scalar, State
from messenger.messenger import STATUSES, Messenger
from wiring import open_messenger


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
    return Failure(type=type(error).__name__, message=text[:1000])


def status_of(
    request: RunRequest, state: State, *, facts: dict[str, Scalar] | None = None, error: Failure | None = None
) -> RunStatus:
    return RunStatus(
        run_id=request.run_id,
        pipeline=request.pipeline,
        step=request.step,
        run_date=request.run_date,
        attempt=request.attempt,
        state=state,
        facts=facts or {},
        error=error,
        flow_run_id=runtime.flow_run.id,
        at=datetime.now(UTC),
    )


def publish_status(messenger: Messenger, status: RunStatus) -> None:
    messenger.publish(STATUSES, status.encode(), status.attributes())


@contextmanager
def reporting(request: RunRequest) -> Iterator[Report]:
    """Publishes `started`, then `succeeded` with the facts or `failed` with the error; errors go on upwards.

    When a process dies, nothing is published: whoever waits learns it from Prefect.
    """
    report = Report()
    with closing(open_messenger()) as messenger:
        publish_status(messenger, status_of(request, "started"))
        try:
            yield report
        except BaseException as error:
            publish_status(messenger, status_of(request, "failed", error=failure_of(error)))
            raise
        publish_status(messenger, status_of(request, "succeeded", facts=report.facts))
