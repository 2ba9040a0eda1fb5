"""The Orchestrator's housekeeper of runs: what does not fit together is settled, what was missed is caught up."""

from prefect import flow

from pipelines import PIPELINES
from tasks.catch_up import catch_up
from tasks.reconcile import settle_afterwards, settle_ledger, settle_runs


@flow(name="reconcile", flow_run_name="reconcile")
def reconcile() -> None:
    """Takes up runs whose orchestrator died, asks in order for schedules that were missed and for what should have
    followed confirmed runs, and settles news and ledger: that last, since a step may have the warehouse.
    """
    settle_runs()
    for pipeline in PIPELINES:
        catch_up(pipeline)
    settle_afterwards()
    settle_ledger()
