"""Missed: schedules whose time passed while everything was down, and which of them still run, by setting.

Prefect has the next few scheduled runs in its database and starts the late ones as soon as a worker is back; those
of a longer time are found by reconcile (tasks/catch_up.py).
"""

from datetime import UTC, datetime, timedelta

from prefect import runtime
from prefect.client.orchestration import get_client

from pipelines import find_pipeline
from settings import get_settings
from watch.due import caught_up, due_dates

MISSED_AFTER = timedelta(hours=1)
"""A worker starts a scheduled run within seconds; one that starts so much later was missed."""


def is_skipped(pipeline: str) -> bool:
    """Whether this flow run, started late by a schedule, is one that is not caught up.

    One that begins late for another reason, such as a person's own wish, stands at no time of a schedule.
    """
    scheduled: datetime = runtime.flow_run.scheduled_start_time
    now, settings = datetime.now(UTC), get_settings()
    if now - scheduled <= MISSED_AFTER:
        return False
    with get_client(sync_client=True) as client:
        before = scheduled - timedelta(seconds=1)
        due = due_dates(client, settings, find_pipeline(pipeline), after=before, until=now)
    wanted = {one.at for one in caught_up(due, settings.orchestrator.catch_up)}
    return scheduled in {one.at for one in due} - wanted
