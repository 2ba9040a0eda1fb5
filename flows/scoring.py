"""The Workload's Python app: scores every customer of a run_date."""

from prefect import flow

from messenger.contract import RunRequest
from tasks.publish import publish_results
from tasks.report import reporting
from tasks.score import score_customers


@flow(name="scoring", flow_run_name="{request.run_id} scoring")
def scoring(request: RunRequest) -> None:
    """Scores the features of the run_date, commits them with their ledger row, and publishes them for readers."""
    with reporting(request) as report:
        report.facts = score_customers(request)
        publish_results(request)
