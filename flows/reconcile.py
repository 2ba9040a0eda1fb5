"""The Orchestrator's housekeeper of runs: what does not fit together is settled, what was missed is caught up."""

from prefect import flow

from pipelines import PIPELINES
from tasks.catch_up import catch_up
from tasks.reconcile import settle_runs


@flow(name="reconcile", flow_run_name="reconcile")
def reconcile() -> None:
    """Takes up runs whose orchestrator died, settles news and ledger, and asks for missed schedules in order."""
    settle_runs()
    for pipeline in PIPELINES:
        catch_up(pipeline)
