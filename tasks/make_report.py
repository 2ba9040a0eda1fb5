"""Make the report: figures, page and data, published; and tell people when it failed or the customers have shifted."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prefect import get_run_logger, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.utilities.urls import url_for

from errors import Permanent, Retryable
from messenger.contract import RunRequest, dated
from settings import get_settings
from tasks.again import AFTERWARDS_AGAIN
from watch.alert import Alert, Cause, about_run, one_line
from watch.tell import tell, tell_over
from wiring import open_warehouse

if TYPE_CHECKING:
    from reports.data import Report


@task(
    name="make report",
    task_run_name="make report {request.run_date}",
    cache_policy=NO_CACHE,
    **AFTERWARDS_AGAIN,
)
def make_report(request: RunRequest) -> "Report":
    """Raises what workload.figures.report_of and Published.publish_report raise."""
    from workload.figures import looks_of, report_of
    from workload.published import open_published

    settings = get_settings()
    made = report_of(open_warehouse(), request.run_id, looks_of(settings.report))
    page = open_published(settings.published.path, settings.published.bucket).publish_report(made)
    get_run_logger().info("the report of run %s: %s", request.run_id, page)
    return made


@contextmanager
def telling(request: RunRequest) -> Iterator[None]:
    """A failed report fails no run, so people are told of it here; the next one that works says that it is over."""
    about = about_run(request.pipeline, request.run_date)
    try:
        yield
    except (Exception, SystemExit) as error:
        ours = isinstance(error, Permanent | Retryable)
        _alert(request, "report", about, one_line(error) if ours else type(error).__name__)
        raise
    tell_over(lambda alert: alert.cause == "report" and alert.about == about)


def alert_drift(request: RunRequest, report: "Report") -> None:
    """Only of what moved since the fit of a model that is applied unchanged: else the edges have moved along.

    The alert is about the pipeline, so a frozen model that no longer fits is told once and not for each date. It is
    over when the same or a later date is reported below the bound, or by edges that were fitted anew.
    """
    found, bound = report.drift, get_settings().report.drift_alert
    if found is None or not found.since_fit or found.worst.psi < bound:
        tell_over(lambda alert: (alert.cause, alert.about) == ("drift", request.pipeline) and _reaches(request, alert))
        return
    _alert(
        request,
        "drift",
        request.pipeline,
        f"{found.worst.measure} has moved by a PSI of {found.worst.psi:.2f} since the model was fitted on {found.since}"
        f" (REPORT_DRIFT_ALERT is {bound:g}); fit the edges anew, or leave them when the change is meant to show",
    )


def _reaches(request: RunRequest, alert: Alert) -> bool:
    """Whether the request is of the alert's date or a later one."""
    return alert.run_id is None or dated(request.run_id) >= dated(alert.run_id)


def _alert(request: RunRequest, cause: Cause, about: str, text: str) -> None:
    flow_run = runtime.flow_run.id
    tell(
        Alert(
            cause=cause,
            about=about,
            text=text,
            since=datetime.now(UTC),
            run_id=request.run_id,
            step=request.step,
            log=url_for("flow-run", obj_id=flow_run) if flow_run else None,
        )
    )
