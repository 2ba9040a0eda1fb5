"""The Orchestrator: make the request, wait for the work to be done, check that it was done properly."""

from datetime import date

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from prefect.states import Cancelled

from messenger.contract import RunDate, Scalar
from tasks.afterwards import ask_for_afterwards
from tasks.attempts import attempts
from tasks.claim import claim_run, scheduled_run_date
from tasks.confirm import confirm_step
from tasks.hold import hold_back
from tasks.missed import is_skipped
from tasks.plan import plan_steps
from tasks.request import request_step
from tasks.tag import tag_flow_run
from tasks.turn import end_as, turn_of
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
) -> str | State:
    """Asks the Workload for each step of the pipeline, waits for it, and confirms it.

    Without a run_date it is the scheduled day in the business time zone. An attempt is given only by the
    invoker, which has claimed it. `force` makes a new attempt of a date that is done. Returns the run_id of the
    attempt that was confirmed.
    """
    if run_date is None and is_skipped(pipeline):
        return Cancelled(name="Skipped", message="missed while everything was down, and not caught up by setting")
    day = run_date or scheduled_run_date()
    claimed = claim_run(pipeline, day, attempt, parameters or {}, force=force, scheduled=run_date is None)
    tag_flow_run(claimed)
    with turn_of(claimed) as turn:
        if turn.ended is not None:
            return end_as(turn.ended)
        hold_back(turn.run, scheduled=run_date is None)
        for tried in attempts(turn):
            with tried:
                plan = plan_steps(tried.run)
                for todo in plan.left:
                    tried.about(todo.step.name)
                    request = request_step(plan.run, todo.step)
                    wait_for_step(request)
                    confirm_step(request, todo.step, todo.before)
    ask_for_afterwards(turn.run)
    return turn.run.run_id
