"""Missed: schedules whose time passed while everything was down, and which of them still run, by setting.

Prefect has the next few scheduled runs in its database and starts the late ones as soon as a worker is back; those
of a longer time are found by reconcile (tasks/catch_up.py).
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from prefect import runtime

from settings import get_settings
from watch.schedule import scheduled_times

MISSED_AFTER = timedelta(hours=1)
"""A worker starts a scheduled run within seconds; one that starts so much later was missed."""


def is_skipped() -> bool:
    """Whether this flow run, started late by a schedule, is one that is not caught up."""
    scheduled: datetime = runtime.flow_run.scheduled_start_time
    now = datetime.now(UTC)
    return now - scheduled > MISSED_AFTER and scheduled not in wanted_of_missed(scheduled, now)


def wanted_of_missed(since: datetime, now: datetime) -> list[datetime]:
    """The fires from `since` to now that are caught up: all, the latest, or none of them."""
    chosen = get_settings().orchestrator
    fires = scheduled_times(chosen.cron, ZoneInfo(chosen.timezone), after=since - timedelta(seconds=1), until=now)
    missed = [fire.astimezone(UTC) for fire in fires]
    return {"all": missed, "latest": missed[-1:], "none": []}[chosen.catch_up]
