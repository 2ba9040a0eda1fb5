"""Schedules that were missed: which were they, when clocks change, and which of them still run."""

import logging
from contextlib import closing, nullcontext
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from prefect import runtime

from messenger.contract import Failure
from messenger.decode import decode_request
from messenger.messenger import INVOKER_REQUESTS
from settings import get_settings
from tasks import catch_up as module
from tasks import missed
from tasks.catch_up import ask_for, missed_dates
from tasks.claim import request_of
from tasks.missed import is_skipped
from tasks.report import status_of
from watch.due import Due
from watch.schedule import scheduled_times
from wiring import open_messenger, open_register

MONDAYS = [date(2026, 9, 21), date(2026, 9, 28), date(2026, 10, 5), date(2026, 10, 12)]
"""Sydney's clocks go forward on 4 October 2026."""
BACK = datetime(2026, 10, 15, tzinfo=UTC)


def at(day, hour=8):
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo("Australia/Sydney"))


@pytest.fixture
def catching_up(settings, monkeypatch):
    monkeypatch.setattr(module, "get_run_logger", lambda: logging.getLogger("test"))
    monkeypatch.setattr(runtime.flow_run, "id", "f-1", raising=False)
    with closing(open_messenger()) as messenger:
        messenger.setup()

    def choose(**chosen):
        for name, value in chosen.items():
            monkeypatch.setenv(f"ORCHESTRATOR_{name.upper()}", value)
        get_settings.cache_clear()

    with closing(open_register()) as register:
        yield register, choose


@pytest.mark.parametrize(
    "mondays",
    [
        MONDAYS,  # forward on 4 October 2026
        [date(2026, 3, 30), date(2026, 4, 6), date(2026, 4, 13)],  # back on 5 April 2026
    ],
)
def test_monday_at_eight_is_monday_at_eight_whatever_the_clocks_do(mondays):
    sydney = ZoneInfo("Australia/Sydney")
    named = scheduled_times("0 8 * * 1", sydney, after=at(mondays[0], 7), until=at(mondays[-1], 9))
    fires = [fire.astimezone(UTC) for fire in named]

    assert [fire.astimezone(sydney) for fire in fires] == [at(day) for day in mondays]
    assert {after - before for before, after in pairwise(fires)} > {timedelta(days=7)}


@pytest.fixture
def mondays_due(monkeypatch):
    """Prefect has a schedule of these Mondays, and no cancelled flow run."""
    due = [Due("rfm", day, at(day).astimezone(UTC)) for day in MONDAYS]
    monkeypatch.setattr(module, "due_dates", lambda *_, **__: due)
    monkeypatch.setattr(module, "cancelled_times", lambda *_: set())


@pytest.mark.parametrize(("chosen", "days"), [("all", MONDAYS), ("latest", MONDAYS[-1:]), ("none", [])])
def test_of_a_month_all_the_latest_or_none_is_caught_up(catching_up, mondays_due, chosen, days):
    register, choose = catching_up
    choose(catch_up=chosen)

    assert missed_dates(None, register, "rfm", BACK) == days


def test_a_date_that_was_asked_for_is_not_missed(catching_up, mondays_due):
    register, choose = catching_up
    choose(catch_up="all")
    register.claim("rfm", MONDAYS[1], {}, force=False, requested_by="test", now=BACK)

    assert missed_dates(None, register, "rfm", BACK) == [MONDAYS[0], *MONDAYS[2:]]


def test_missed_dates_are_asked_for_in_order_and_once(catching_up):
    register, _ = catching_up

    assert ask_for(register, "rfm", MONDAYS) == [f"rfm-{day}-1" for day in MONDAYS]
    assert ask_for(register, "rfm", MONDAYS) == []
    with closing(open_messenger()) as messenger:
        asked = [decode_request(one).run_date for one in messenger.pull(INVOKER_REQUESTS, limit=10, wait=0)]
    assert asked == MONDAYS


def test_nothing_is_asked_for_after_a_date_that_has_failed_until_it_is_repaired(catching_up):
    register, _ = catching_up
    run, _new = register.claim("rfm", MONDAYS[0], {}, force=False, requested_by="test", now=BACK)
    register.note_status(status_of(request_of(run), "failed", error=Failure(type="Boom", message="broke")))

    assert ask_for(register, "rfm", MONDAYS[1:]) == []

    repaired, _new = register.claim("rfm", MONDAYS[0], {}, force=False, requested_by="test", now=BACK)
    register.note_status(status_of(request_of(repaired), "succeeded"))
    assert ask_for(register, "rfm", MONDAYS[1:]) == [f"rfm-{day}-1" for day in MONDAYS[1:]]


@pytest.mark.parametrize(
    ("chosen", "late", "skipped"),
    [
        ("none", timedelta(minutes=5), False),
        ("none", timedelta(days=2), True),
        ("latest", timedelta(days=2), False),
        ("latest", timedelta(days=9), True),
        ("all", timedelta(days=30), False),
    ],
)
def test_a_run_that_prefect_starts_late_is_skipped_by_setting(catching_up, prefect_has, chosen, late, skipped):
    _, choose = catching_up
    choose(catch_up=chosen)
    scheduled = datetime.now(UTC) - late
    prefect_has(scheduled, *(scheduled + timedelta(days=7) * week for week in (1, 2, 3, 4)))

    assert is_skipped("rfm") is skipped


def test_a_run_that_a_person_wished_for_at_no_time_of_the_schedule_is_not_skipped(catching_up, prefect_has):
    _, choose = catching_up
    choose(catch_up="none")
    scheduled = datetime.now(UTC) - timedelta(days=2)
    prefect_has(scheduled, scheduled + timedelta(minutes=1), scheduled_too=False)

    assert not is_skipped("rfm")


@pytest.fixture
def prefect_has(monkeypatch):
    """This flow run is scheduled for the time; so are others, if their time has come."""

    def has(scheduled, *others, scheduled_too=True):
        times = [scheduled, *others] if scheduled_too else others
        due = [Due("rfm", time.date(), time) for time in times if time <= datetime.now(UTC)]
        monkeypatch.setattr(missed, "due_dates", lambda *_, **__: due)
        monkeypatch.setattr(missed, "get_client", lambda **_: nullcontext())
        monkeypatch.setattr(runtime.flow_run, "scheduled_start_time", scheduled, raising=False)

    return has
