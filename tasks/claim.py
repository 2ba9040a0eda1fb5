"""Claim: which run, under which attempt number, this flow run is."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from prefect import runtime, task
from prefect.cache_policies import NO_CACHE

from messenger.contract import ORCHESTRATE, RunRequest, Scalar, run_id_of
from register.register import Run
from settings import get_settings
from wiring import open_register


@dataclass(frozen=True, slots=True)
class Claim:
    """The request for the whole run, and whether this flow run is the one to carry it out."""

    request: RunRequest
    ours: bool


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
        requested_by=requested_by,
        requested_at=now,
        deadline=now + timedelta(seconds=get_settings().orchestrator.step_deadline),
    )


def _claim_of(run: Run, *, ours: bool) -> Claim:
    request = step_request(
        ORCHESTRATE,
        pipeline=run.pipeline,
        run_date=run.run_date,
        attempt=run.attempt,
        parameters=run.parameters,
        requested_by=run.requested_by,
    )
    return Claim(request, ours=ours)


@task(name="claim", task_run_name="claim {run_date}", cache_policy=NO_CACHE)
def claim_run(
    pipeline: str, run_date: date, attempt: int | None, parameters: Mapping[str, Scalar], *, force: bool
) -> Claim:
    """With an attempt number the run was claimed by whoever asked for it. Without one (a schedule, the UI, the
    command line) it is claimed here, and a run of this date that is done or under way is not started twice.

    Raises ParametersConflict when this date was scored with other parameters and `force` is not given.
    """
    requested_by = f"prefect flow run {runtime.flow_run.id}"
    if attempt is not None:
        return Claim(
            step_request(
                ORCHESTRATE,
                pipeline=pipeline,
                run_date=run_date,
                attempt=attempt,
                parameters=parameters,
                requested_by=requested_by,
            ),
            ours=True,
        )
    with closing(open_register()) as register:
        run, new = register.claim(
            pipeline,
            run_date,
            parameters,
            force=force,
            requested_by=requested_by,
            now=datetime.now(UTC),
            published=True,
        )
    return _claim_of(run, ours=new)
