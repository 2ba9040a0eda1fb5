"""Alert: tell people once that a run has finally failed, and once that it has recovered."""

from datetime import UTC, datetime

from prefect import runtime
from prefect.utilities.urls import url_for

from errors import Permanent, Retryable
from messenger.contract import RunRequest
from tasks.checks import NotConfirmed
from tasks.wait import NeverStarted, StepLost
from watch.alert import Alert, Cause, about_run, one_line
from watch.tell import tell, tell_recovered


def cause_of(error: BaseException) -> Cause:
    """Which section of docs/operations.md is about this."""
    if isinstance(error, NotConfirmed):
        return "unconfirmed"
    if isinstance(error, NeverStarted):
        return "never-started"
    return "crashed" if isinstance(error, StepLost) else "failed"


def alert_run(
    request: RunRequest,
    error: BaseException,
    *,
    step: str | None = None,
    attempts: int | None = None,
    flow_run_id: str | None = None,
) -> None:
    """To be called when no further attempt will be made. Never raises for want of a channel. Without `flow_run_id` it
    is this flow run whose log says more.

    A date that fails again for the same cause is not told again until it has recovered.
    """
    ours = isinstance(error, Permanent | Retryable)
    flow_run = flow_run_id or runtime.flow_run.id
    tell(
        Alert(
            cause=cause_of(error),
            about=about_run(request.pipeline, request.run_date),
            # a foreign error may have customer data in its text
            text=one_line(error) if ours else type(error).__name__,
            since=datetime.now(UTC),
            run_id=request.run_id,
            step=step,
            attempts=attempts or request.attempt,
            log=url_for("flow-run", obj_id=flow_run) if flow_run else None,
        )
    )


def recovered(request: RunRequest) -> None:
    """To be called when the run is confirmed: whatever was told about its date is over."""
    tell_recovered(about_run(request.pipeline, request.run_date))
