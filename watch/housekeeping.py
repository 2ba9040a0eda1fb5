"""All kinds of leftovers, and how old each must be: the settings HOUSEKEEPING_… ."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from prefect.client.orchestration import SyncPrefectClient

from settings import Settings
from watch.leftovers import Leftover, Sweep
from watch.old_jobs import orphaned_jobs
from watch.old_runs import has_ended, old_flow_runs
from watch.old_waiters import waiters_without_run
from wiring import open_warehouse


def sweeps(
    client: SyncPrefectClient, settings: Settings, run_of: Callable[[str], str | None], now: datetime
) -> Sequence[Sweep]:
    """`run_of` gives the run_id that a subscription is named after."""
    ages = settings.housekeeping

    def before(days: float) -> datetime:
        return now - timedelta(days=days)

    found = [
        Sweep("flow runs", lambda: old_flow_runs(client, before(ages.flow_runs))),
        Sweep("subscriptions", lambda: waiters_without_run(settings, run_of, before(ages.waiters))),
        Sweep("staging", lambda: old_staging(settings, before(ages.staging))),
    ]
    if ages.cloud_run:
        found.append(Sweep("Cloud Run jobs", lambda: old_jobs(client, ages.cloud_run, before(ages.cloud_run_jobs))))
    return found


def old_staging(settings: Settings, before: datetime) -> Iterator[Leftover]:
    warehouse = open_warehouse(settings)
    for one in warehouse.abandoned_staging():
        if one.since < before:
            yield Leftover(one.name, one.since, partial(warehouse.remove_staging, one.name))


def old_jobs(client: SyncPrefectClient, parent: str, before: datetime) -> Iterator[Leftover]:
    from googleapiclient.discovery import build  # type: ignore[import-untyped]

    jobs = build("run", "v2").projects().locations().jobs()
    return orphaned_jobs(jobs, parent, partial(has_ended, client), before)
