"""Catch up: scheduled run_dates that passed while everything was down are asked for, in order.

Prefect keeps the next few scheduled runs and starts the late ones itself; this finds what it did not know of, and the
dates that were held back by a failure which has been repaired since.
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client

from pipelines import find_pipeline
from register.ask import ask
from register.register import ParametersConflict, Register
from settings import get_settings
from tasks.claim import HeldBack, require_no_failure_before
from tasks.missed import MISSED_AFTER, wanted_of_missed
from wiring import open_messenger, open_register

LONGEST = timedelta(days=400)
"""What was missed before that is history: a backfill is for it."""


def missed_dates(register: Register, pipeline: str, since: datetime, now: datetime) -> list[date]:
    """Scheduled run_dates since then for which no run was ever asked for, by the setting for catching up."""
    zone = get_settings().business_zone
    wanted = wanted_of_missed(max(since, now - LONGEST), now - MISSED_AFTER)
    days = [moment.astimezone(zone).date() for moment in wanted]
    known = {run.run_date for run in register.list(limit=1000, pipeline=pipeline)}
    return [day for day in days if day not in known]


def ask_for(register: Register, pipeline: str, days: Sequence[date]) -> list[str]:
    """The runs that were asked for; from the first date on that is held back, none."""
    deadline = timedelta(seconds=get_settings().orchestrator.step_deadline)
    asked = []
    for day in days:
        try:
            if get_settings().orchestrator.hold_after_failure:
                require_no_failure_before(register, pipeline, day)
            with closing(open_messenger()) as messenger:
                run, new = ask(
                    register, messenger, pipeline, day, {}, force=False, requested_by="catch-up", deadline=deadline
                )
        except (HeldBack, ParametersConflict) as held:
            get_run_logger().warning("not caught up: %s", held)
            break
        if new:
            asked.append(run.run_id)
    return asked


@task(name="catch up", task_run_name="catch up {pipeline}", cache_policy=NO_CACHE)
def catch_up(pipeline: str) -> Sequence[str]:
    """Since the deployment was first registered. Raises RegisterUnavailable, MessengerUnavailable."""
    now = datetime.now(UTC)
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(find_pipeline(pipeline).entry)
    if deployment.created is None or deployment.paused:
        return []
    with closing(open_register()) as register:
        asked = ask_for(register, pipeline, missed_dates(register, pipeline, deployment.created, now))
    for run_id in asked:
        get_run_logger().warning("run %s was scheduled and missed: asked for now", run_id)
    return asked
