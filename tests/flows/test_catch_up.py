"""A month in which everything was down, as a real Prefect server has it: what is asked for, skipped, or left out."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow

from flows.orchestrate import orchestrate
from flows.reconcile import reconcile
from messenger.decode import decode_request
from messenger.messenger import INVOKER_REQUESTS
from tests.schedules import RFM, forget, known_since, register_mondays
from watch.due import due_dates
from wiring import open_messenger, open_register

SYDNEY = ZoneInfo("Australia/Sydney")
NOW = datetime.now(UTC)
MONTH_AGO = NOW - timedelta(days=28)


@pytest.fixture
def settings(configured):
    """Nobody is told, and the messenger is set up."""
    settings = configured(ORCHESTRATOR_CATCH_UP="all", ALERTS_URLS="")
    with closing(open_messenger(settings)) as messenger:
        messenger.setup()
    return settings


@pytest.fixture
def month(prefect, settings):
    """The deployment's id, and the Mondays at 08:00 in Sydney that its schedule has named for a month."""
    with get_client(sync_client=True) as client:
        deployment = register_mondays(client, parameters={"pipeline": "rfm"})
        forget(client)
        known_since(client, MONTH_AGO)
        mondays = due_dates(client, settings, RFM, after=MONTH_AGO, until=NOW - timedelta(hours=1))
        yield deployment, mondays
        httpx.delete(f"{prefect}/deployments/{deployment}", timeout=30)
        forget(client)


def scheduled_by_prefect(api, deployment):
    """What its scheduler makes of the month: flow runs at the times of the schedule, oldest first."""
    span = {"start_time": MONTH_AGO.isoformat(), "end_time": NOW.isoformat(), "min_runs": 10}
    httpx.post(f"{api}/deployments/{deployment}/schedule", json=span, timeout=30).raise_for_status()
    wanted = {
        "flow_runs": {
            "deployment_id": {"any_": [str(deployment)]},
            "expected_start_time": {"before_": NOW.isoformat()},
        },
        "sort": "EXPECTED_START_TIME_ASC",
    }
    return httpx.post(f"{api}/flow_runs/filter", json=wanted, timeout=30).raise_for_status().json()


def asked():
    with closing(open_messenger()) as messenger:
        return [decode_request(one).run_date for one in messenger.pull(INVOKER_REQUESTS, limit=10, wait=0)]


def test_a_month_of_missed_schedules_is_asked_for_in_order(month):
    _, mondays = month
    assert len(mondays) in (3, 4)

    reconcile()

    assert asked() == [one.run_date for one in mondays]
    assert [one.run_date.weekday() for one in mondays] == [0] * len(mondays)


def test_a_scheduled_run_that_was_cancelled_before_it_began_is_not_asked_for(prefect, month):
    deployment, mondays = month
    made = scheduled_by_prefect(prefect, deployment)
    assert [datetime.fromisoformat(one["expected_start_time"]) for one in made][: len(mondays)] == [
        one.at for one in mondays
    ]
    cancelled = {"state": {"type": "CANCELLING"}}
    httpx.post(f"{prefect}/flow_runs/{made[1]['id']}/set_state", json=cancelled, timeout=30).raise_for_status()

    reconcile()

    assert asked() == [one.run_date for one in [mondays[0], *mondays[2:]]]


def test_a_run_that_prefect_starts_late_and_that_is_not_caught_up_ends_as_skipped(prefect, month, configured):
    configured(ORCHESTRATOR_CATCH_UP="latest")
    deployment, _ = month
    oldest = UUID(scheduled_by_prefect(prefect, deployment)[0]["id"])
    with get_client(sync_client=True) as client:
        flow_run = client.read_flow_run(oldest)

    state = run_flow(orchestrate, flow_run=flow_run, parameters={"pipeline": "rfm"}, return_type="state")

    assert (state.is_cancelled(), state.name) == (True, "Skipped")
    with closing(open_register()) as register:
        assert register.list() == []
