"""Which times a schedule names. Time changes are those of its zone: Monday 08:00 stays 08:00 there."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim


def scheduled_times(cron: str, zone: ZoneInfo, *, after: datetime, until: datetime) -> Sequence[datetime]:
    """The times after `after`, up to and with `until`, oldest first, in the schedule's zone."""
    return list(takewhile(lambda at: at <= until, CronSim(cron, after.astimezone(zone))))
