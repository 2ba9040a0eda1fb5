"""The Workload's SQL runner: turns orders into the features of every customer."""

from prefect import flow

from messenger.contract import RunRequest
from tasks.build_features import build_features
from tasks.report import reporting


@flow(name="features", flow_run_name="{request.run_id} features")
def features(request: RunRequest) -> None:
    """Builds and tests the dbt models of the run_date; features and ledger row are committed together."""
    with reporting(request) as report:
        report.facts = build_features(request)
