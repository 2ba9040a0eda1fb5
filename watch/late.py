"""Late: a scheduled date that has no confirmed run some time after it was due.

A date that the setting for catching up leaves out is not late: nobody will ask for it. One that people were told of
stays late until it is confirmed, however old: that nobody looks at it any more is no recovery.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient

from pipelines import PIPELINES
from register.ask import attempts
from register.register import Register
from settings import Settings
from watch import book
from watch.due import Due, caught_up, due_dates
from wiring import open_register

LOOK_BACK = timedelta(days=31)
"""Older dates are a matter of `make backfill`."""


def late_dates(client: SyncPrefectClient, settings: Settings, now: datetime) -> list[Due]:
    """Raises RegisterUnavailable."""
    with closing(open_register(settings)) as register:
        found = [*told_before(client), *expected(client, register, settings, now)]
        once = {(due.pipeline, due.run_date): due for due in found}
        return [due for due in once.values() if not confirmed(register, due.pipeline, due.run_date)]


def expected(client: SyncPrefectClient, register: Register, settings: Settings, now: datetime) -> Iterator[Due]:
    """Dates that should have been confirmed by now: they were asked for, or would be if nobody cancelled it."""
    until = now - timedelta(seconds=settings.alerts.late_after)
    for pipeline in PIPELINES.values():
        due = due_dates(client, settings, pipeline, after=now - LOOK_BACK, until=now)
        wanted = caught_up(due, settings.orchestrator.catch_up)
        for one in due:
            if one.at <= until and (one in wanted or any(attempts(register, one.pipeline, one.run_date))):
                yield one


def told_before(client: SyncPrefectClient) -> Iterator[Due]:
    """Whose alert is open. Who does not want such a date any more deletes the alert's variable."""
    for one in book.open_alerts(client):
        if one.alert.cause == "late":
            pipeline, _, day = one.alert.about.rpartition(" ")
            yield Due(pipeline, date.fromisoformat(day), one.alert.since)


def confirmed(register: Register, pipeline: str, run_date: date) -> bool:
    """Whether any attempt of the date was confirmed."""
    return any(run.state == "succeeded" for run in attempts(register, pipeline, run_date))
