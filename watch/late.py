"""Late: a scheduled date that has no confirmed run some time after it was due."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound

from pipelines import PIPELINES, Pipeline
from register.ask import attempts
from register.register import Register
from settings import Settings
from watch.schedule import scheduled_times
from wiring import open_register

LOOK_BACK = timedelta(days=31)
"""Older dates are a matter of `make backfill`."""


@dataclass(frozen=True, slots=True)
class Due:
    """A date that a schedule has asked for, and when."""

    pipeline: str
    run_date: date
    at: datetime


def due_dates(client: SyncPrefectClient, settings: Settings, now: datetime) -> Iterator[Due]:
    """What the active schedules of the pipelines, as Prefect has them, should have brought to an end by now."""
    until = now - timedelta(seconds=settings.alerts.late_after)
    for pipeline in PIPELINES.values():
        deployment = _deployment(client, pipeline)
        if deployment is None or deployment.paused:
            continue
        # a schedule asks for nothing before it was there
        after = max(now - LOOK_BACK, deployment.created or now)
        for one in deployment.schedules:
            if one.active and isinstance(one.schedule, CronSchedule):
                zone = ZoneInfo(one.schedule.timezone or "UTC")
                for at in scheduled_times(one.schedule.cron, zone, after=after, until=until):
                    yield Due(pipeline.name, at.astimezone(settings.business_zone).date(), at)


def late_dates(client: SyncPrefectClient, settings: Settings, now: datetime) -> list[Due]:
    """Raises RegisterUnavailable."""
    with closing(open_register(settings)) as register:
        return [due for due in due_dates(client, settings, now) if not confirmed(register, due.pipeline, due.run_date)]


def confirmed(register: Register, pipeline: str, run_date: date) -> bool:
    """Whether any attempt of the date was confirmed."""
    return any(run.state == "succeeded" for run in attempts(register, pipeline, run_date))


def _deployment(client: SyncPrefectClient, pipeline: Pipeline) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(pipeline.entry)
    except ObjectNotFound:
        return None
