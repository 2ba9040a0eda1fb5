"""Catch up: scheduled run_dates that passed while everything was down are asked for, in order.

Prefect keeps the next few scheduled runs and starts the late ones itself; this finds what it did not know of, and the
dates that were held back by a failure which has been repaired since.
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterName,
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateName,
)

from messenger.contract import ORCHESTRATE
from pipelines import find_pipeline
from register.ask import ask, newest_attempt
from register.register import ParametersConflict, Register
from settings import get_settings
from tasks.hold import CATCH_UP, HeldBack, require_no_failure_before, was_held_back
from tasks.missed import MISSED_AFTER
from watch.due import Due, caught_up, due_dates
from wiring import open_messenger, open_register

LONGEST = timedelta(days=400)
"""What was missed before that is history: a backfill is for it."""


def missed_dates(client: SyncPrefectClient, register: Register, pipeline: str, now: datetime) -> list[date]:
    """Scheduled run_dates that nothing was ever begun for, by the setting for catching up; not those whose flow run
    somebody has cancelled.
    """
    settings = get_settings()
    due = due_dates(client, settings, find_pipeline(pipeline), after=now - LONGEST, until=now - MISSED_AFTER)
    missed = [one for one in caught_up(due, settings.orchestrator.catch_up) if is_missed(register, one)]
    cancelled = cancelled_times(client, pipeline, missed[0].at) if missed else set()
    return [one.run_date for one in missed if one.at not in cancelled]


def is_missed(register: Register, due: Due) -> bool:
    newest = newest_attempt(register, due.pipeline, due.run_date)
    return newest is None or was_held_back(newest)


def cancelled_times(client: SyncPrefectClient, pipeline: str, since: datetime) -> set[datetime]:
    """For which Prefect had a flow run that was cancelled; a skipped one has that as its name."""
    found = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[ORCHESTRATE])),
        deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=[pipeline])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Cancelled"])),
            expected_start_time=FlowRunFilterExpectedStartTime(after_=since),
        ),
    )
    return {flow_run.expected_start_time for flow_run in found if flow_run.expected_start_time is not None}


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
                    register, messenger, pipeline, day, {}, force=False, requested_by=CATCH_UP, deadline=deadline
                )
        except (HeldBack, ParametersConflict) as held:
            get_run_logger().warning("not caught up: %s", held)
            break
        if new:
            asked.append(run.run_id)
    return asked


@task(name="catch up", task_run_name="catch up {pipeline}", cache_policy=NO_CACHE)
def catch_up(pipeline: str) -> Sequence[str]:
    """As long as the schedules are what they are. Raises RegisterUnavailable, MessengerUnavailable."""
    with get_client(sync_client=True) as client, closing(open_register()) as register:
        asked = ask_for(register, pipeline, missed_dates(client, register, pipeline, datetime.now(UTC)))
    for run_id in asked:
        get_run_logger().warning("run %s was scheduled and missed: asked for now", run_id)
    return asked
