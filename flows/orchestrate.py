"""The Orchestrator: make the request, wait for the work to be done, check that it was done properly."""

from datetime import date

from prefect import flow, runtime

from messenger.contract import RunDate, Scalar
from pipelines import find_pipeline
from tasks.claim import claim_run, scheduled_run_date
from tasks.confirm import confirm_step
from tasks.follow import follow_run
from tasks.report import reporting
from tasks.request import listening, request_step
from tasks.wait import wait_for_step


def run_name() -> str:
    """Pipeline and date, as people look for it in the UI."""
    parameters = runtime.flow_run.parameters
    run_date: date | str = parameters.get("run_date") or scheduled_run_date()
    return f"{parameters['pipeline']} {run_date}"


@flow(name="orchestrate", flow_run_name=run_name)
def orchestrate(
    pipeline: str = "rfm",
    run_date: RunDate | None = None,
    attempt: int | None = None,
    parameters: dict[str, Scalar] | None = None,
    force: bool = False,
) -> str:
    """Asks the Workload for each step of the pipeline, waits for it, and confirms it.

    Without a run_date it is the scheduled day in the business time zone. An attempt is given only by the
    invoker, which has claimed it. `force` makes a new attempt of a date that is done. Returns the run_id.
    """
    steps = find_pipeline(pipeline).steps
    claim = claim_run(pipeline, run_date or scheduled_run_date(), attempt, parameters or {}, force=force)
    if not claim.ours:
        follow_run(claim.request)
        return claim.request.run_id
    with reporting(claim.request), listening(claim.request):
        for step in steps:
            request = request_step(claim.request, step)
            wait_for_step(request)
            confirm_step(request, step)
    return claim.request.run_id
