"""Due: the run_dates that the schedules of a pipeline have asked for, as Prefect has these schedules.

Prefect makes every schedule anew when its deployment is registered again, so it cannot say since when a schedule is as
it is. A variable of Prefect does: what was changed, or paused in between, has missed nothing before.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import VariableCreate, VariableUpdate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from pydantic import BaseModel, ConfigDict

from pipelines import Pipeline
from setting_types import CatchUp
from settings import Settings
from watch.schedule import scheduled_times


@dataclass(frozen=True, slots=True)
class Due:
    """A date that a schedule has asked for, and when, in UTC."""

    pipeline: str
    run_date: date
    at: datetime


class Asking(BaseModel):
    """Cron and time zone of each active schedule of a pipeline, and since when they are these."""

    model_config = ConfigDict(frozen=True)

    crons: tuple[tuple[str, str], ...]
    since: datetime


def due_dates(
    client: SyncPrefectClient, settings: Settings, pipeline: Pipeline, *, after: datetime, until: datetime
) -> list[Due]:
    """Oldest first; none of a paused deployment or schedule. `until` is not later than now."""
    deployment = _deployment(client, pipeline)
    if deployment is None:
        return []
    asking = _asking(client, pipeline, deployment)
    times = {
        at.astimezone(UTC)
        for cron, zone in asking.crons
        for at in scheduled_times(cron, ZoneInfo(zone), after=max(after, asking.since), until=until)
    }
    return [Due(pipeline.name, at.astimezone(settings.business_zone).date(), at) for at in sorted(times)]


def caught_up(due: Sequence[Due], chosen: CatchUp) -> Sequence[Due]:
    """Those that still run when they were missed: all, the latest, or none of them."""
    return {"all": due, "latest": due[-1:], "none": ()}[chosen]


def variable_of(pipeline: Pipeline) -> str:
    return f"schedules_{pipeline.name}"


def _asking(client: SyncPrefectClient, pipeline: Pipeline, deployment: DeploymentResponse) -> Asking:
    name, now = variable_of(pipeline), datetime.now(UTC)
    crons = tuple(sorted(_active_crons(deployment)))
    known = client.read_variable_by_name(name)
    if known is None:
        asking = Asking(crons=crons, since=deployment.created or now)
        with suppress(ObjectAlreadyExists):
            client.create_variable(VariableCreate(name=name, value=asking.model_dump(mode="json")))
        return asking
    asking = Asking.model_validate(known.value)
    if asking.crons != crons:
        asking = Asking(crons=crons, since=now)
        client.update_variable(VariableUpdate(name=name, value=asking.model_dump(mode="json")))
    return asking


def _active_crons(deployment: DeploymentResponse) -> list[tuple[str, str]]:
    if deployment.paused:
        return []
    return [
        (one.schedule.cron, one.schedule.timezone or "UTC")
        for one in deployment.schedules
        if one.active and isinstance(one.schedule, CronSchedule)
    ]


def _deployment(client: SyncPrefectClient, pipeline: Pipeline) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(pipeline.entry)
    except ObjectNotFound:
        return None
