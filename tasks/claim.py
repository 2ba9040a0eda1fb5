"""Claim: which run, under which attempt number, this flow run is for."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from messenger.contract import ORCHESTRATE, RunRequest, Scalar, run_id_of
from register.register import Register, Run
from settings import get_settings
from tasks.carrier import this_flow_run
from tasks.hold import require_no_failure_before
from tasks.with_register import with_register


def scheduled_run_date() -> date:
    """The business date of the scheduled start: the only place that makes a run_date from a clock."""
    scheduled: datetime = runtime.flow_run.scheduled_start_time
    return scheduled.astimezone(get_settings().business_zone).date()


def step_request(
    step: str,
    *,
    pipeline: str,
    run_date: date,
    attempt: int,
    parameters: Mapping[str, Scalar],
    requested_by: str,
    inputs: Mapping[str, str] | None = None,
) -> RunRequest:
    """A request made now, with the deadline of the settings."""
    now = datetime.now(UTC)
    return RunRequest(
        run_id=run_id_of(pipeline, run_date, attempt),
        pipeline=pipeline,
        step=step,
        run_date=run_date,
        attempt=attempt,
        parameters=dict(parameters),
        inputs=dict(inputs or {}),
        requested_by=requested_by,
        requested_at=now,
        deadline=now + timedelta(seconds=get_settings().orchestrator.step_deadline),
    )


def request_of(run: Run | RunRequest, step: str = ORCHESTRATE, *, requested_by: str | None = None) -> RunRequest:
    """The request for the run as a whole, or for what follows it; by whom the run was asked for, unless told."""
    return step_request(
        step,
        pipeline=run.pipeline,
        run_date=run.run_date,
        attempt=run.attempt,
        parameters=run.parameters,
        requested_by=requested_by or run.requested_by,
    )


@task(name="claim", task_run_name="claim {run_date}", cache_policy=NO_CACHE)
def claim_run(
    pipeline: str,
    run_date: date,
    attempt: int | None,
    parameters: Mapping[str, Scalar],
    *,
    force: bool,
    scheduled: bool = False,
) -> RunRequest:
    """With an attempt number the run was claimed by whoever asked for it. Without one (a schedule, the UI, the
    command line) it is claimed here, and a run of this date that is done or under way is not started twice.

    Raises ParametersConflict when this date was scored with other parameters and `force` is not given; and
    HeldBack when a schedule asks for it and the date before has failed.
    """

    def claim(register: Register) -> RunRequest:
        if attempt is not None:
            asked = step_request(
                ORCHESTRATE,
                pipeline=pipeline,
                run_date=run_date,
                attempt=attempt,
                parameters=parameters,
                requested_by=this_flow_run(),
            )
            register.note_request(asked)
            return asked
        if scheduled and get_settings().orchestrator.hold_after_failure:
            require_no_failure_before(register, pipeline, run_date)
        run, _ = register.claim(
            pipeline,
            run_date,
            parameters,
            force=force,
            requested_by=this_flow_run(),
            now=datetime.now(UTC),
            published=True,
        )
        return request_of(run)

    return with_register(claim)
