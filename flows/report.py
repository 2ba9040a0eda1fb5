"""The Workload's Python app: what is made of a confirmed run for those who ask and look."""

from prefect import flow

from messenger.contract import RunRequest
from tasks.make_report import alert_drift, make_report, telling
from tasks.publish import publish_snapshot
from tasks.report import reporting
from tasks.show_report import show_report


@flow(name="report", flow_run_name="{request.run_id} report")
def report(request: RunRequest) -> None:
    """Publishes the snapshot, counts the figures, publishes page and data, shows them, and tells people of a shift."""
    with telling(request), reporting(request) as said:
        publish_snapshot(request)
        made = make_report(request)
        said.facts = show_report(request, made)
        alert_drift(request, made)
