"""Which dates schedules have asked for, by a real Prefect server: a schedule of Mondays at 08:00 in Sydney."""

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.server.schemas.schedules import CronSchedule

from settings import Settings
from tests.schedules import MONDAY_8, RFM, forget, known_since, register_mondays
from watch.due import due_dates
from watch.schedule import scheduled_times

SYDNEY = ZoneInfo("Australia/Sydney")


@pytest.fixture
def client(prefect):
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def deployment(client, prefect):
    """Its id. What was known of its schedules is forgotten, whatever other tests have done with it."""
    made = register_mondays(client)
    forget(client)
    yield made
    httpx.delete(f"{prefect}/deployments/{made}", timeout=30)
    forget(client)


def due(client, until=None):
    now = until or datetime.now(UTC)
    return [one.run_date for one in due_dates(client, Settings(), RFM, after=now - timedelta(days=400), until=now)]


def last_mondays(number):
    today = datetime.now(SYDNEY)
    last = today.date() - timedelta(days=today.weekday())
    if today.weekday() == 0 and today.hour < 8:
        last -= timedelta(days=7)
    return [last - timedelta(days=7 * back) for back in reversed(range(number))]


MONTH_AGO = datetime.now(UTC) - timedelta(days=28)


def test_a_schedule_asks_for_nothing_before_it_was_there(client, deployment):
    assert due(client) == []

    known_since(client, MONTH_AGO)
    assert due(client) == last_mondays(4)


@pytest.mark.parametrize("paused", ["deployment", "schedule"])
def test_a_paused_schedule_asks_for_nothing_and_has_missed_nothing_when_it_goes_on(client, deployment, prefect, paused):
    known_since(client, MONTH_AGO)
    pause(prefect, deployment, paused, True)
    assert due(client) == []

    pause(prefect, deployment, paused, False)
    assert due(client) == []


def pause(api, deployment, what, paused):
    if what == "deployment":
        change, path = {"paused": paused}, f"/deployments/{deployment}"
    else:
        [schedule] = httpx.get(f"{api}/deployments/{deployment}/schedules", timeout=30).json()
        change, path = {"active": not paused}, f"/deployments/{deployment}/schedules/{schedule['id']}"
    httpx.patch(f"{api}{path}", json=change, timeout=30).raise_for_status()


def test_a_schedule_that_was_changed_has_missed_nothing_before(client, deployment, prefect):
    known_since(client, MONTH_AGO)
    [schedule] = httpx.get(f"{prefect}/deployments/{deployment}/schedules", timeout=30).json()
    daily = {"schedule": {"cron": "0 8 * * *", "timezone": "Australia/Sydney"}}
    httpx.patch(f"{prefect}/deployments/{deployment}/schedules/{schedule['id']}", json=daily, timeout=30)

    assert due(client) == []


def test_a_schedule_that_is_registered_again_as_it_was_has_missed_what_it_has_missed(client, deployment):
    known_since(client, MONTH_AGO)
    register_mondays(client)

    assert due(client) == last_mondays(4)


def test_a_pipeline_that_has_no_deployment_asks_for_nothing(client):
    assert due(client) == []


@pytest.mark.parametrize("cron", [MONDAY_8, "30 3 * * *", "30 2 1-20 4 *", "0 0 1 * *", "15 */12 * * 1-5"])
@pytest.mark.parametrize("year", [2026, 2027])
def test_the_times_are_those_at_which_prefect_starts_runs_over_both_clock_changes(cron, year):
    """Of a year, in which Sydney's clocks go back in April, at 3, and forward in October, at 2. Not of the hour that is
    left out then: Prefect starts its run half an hour earlier than the clocks say, of the same day.
    """
    first, last = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    schedule = CronSchedule(cron=cron, timezone="Australia/Sydney")

    theirs = asyncio.run(schedule.get_dates(n=10_000, start=first + timedelta(seconds=1), end=last))

    ours = [at.astimezone(UTC) for at in scheduled_times(cron, SYDNEY, after=first, until=last)]
    assert len(ours) >= 12
    assert ours == [at.astimezone(UTC) for at in theirs]
