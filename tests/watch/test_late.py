"""Late is a date that should have been confirmed by now, and it stays late until it is."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest
from prefect.client.orchestration import get_client

from tests.watch.conftest import close_all
from watch import book, late
from watch.alert import Alert
from watch.due import Due
from watch.late import late_dates
from wiring import open_register

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MONDAYS = [datetime(2026, 11, day, 21, tzinfo=UTC) for day in (8, 15, 22)]
"""08:00 in Sydney, on the day after."""
DATES = [date(2026, 11, day) for day in (9, 16, 23)]


@pytest.fixture
def client(prefect):
    with get_client(sync_client=True) as client:
        close_all(client)
        yield client
        close_all(client)


@pytest.fixture
def mondays(monkeypatch):
    """Prefect's schedule has named these."""

    def due(_client, _settings, _pipeline, *, after, until):
        return [Due("rfm", day, at) for day, at in zip(DATES, MONDAYS, strict=True) if after < at <= until]

    monkeypatch.setattr(late, "due_dates", due)


def dates(client, settings, now=NOW):
    return [one.run_date for one in late_dates(client, settings, now)]


def asked(settings, day):
    with closing(open_register(settings)) as register:
        register.claim("rfm", day, {}, force=False, requested_by="test", now=NOW)


def test_a_date_is_late_when_its_time_to_be_late_has_passed(client, configured, mondays):
    settings = configured()

    assert dates(client, settings, MONDAYS[-1] + timedelta(hours=3, minutes=59)) == []
    assert dates(client, settings, MONDAYS[-1] + timedelta(hours=4)) == DATES[-1:]
    longer = configured(ALERTS_LATE_AFTER=5 * 3600)
    assert dates(client, longer, MONDAYS[-1] + timedelta(hours=4)) == []


@pytest.mark.parametrize(("chosen", "found"), [("all", DATES), ("latest", DATES[-1:]), ("none", [])])
def test_a_missed_date_that_nobody_will_ask_for_is_not_late(client, configured, mondays, chosen, found):
    assert dates(client, configured(ORCHESTRATOR_CATCH_UP=chosen)) == found


def test_the_latest_date_is_caught_up_before_it_is_late_so_the_one_before_it_is_not_late_meanwhile(
    client, configured, mondays
):
    assert dates(client, configured(), MONDAYS[-1] + timedelta(hours=2)) == []


def test_a_date_that_was_asked_for_is_late_whatever_the_setting(client, configured, mondays):
    settings = configured(ORCHESTRATOR_CATCH_UP="none")
    asked(settings, DATES[0])

    assert dates(client, settings) == DATES[:1]


def test_a_date_that_people_were_told_of_stays_late_however_old_until_it_is_confirmed(client, configured, mondays):
    settings = configured()
    about = f"rfm {DATES[0]}"
    book.note(client, Alert(cause="late", about=about, text="", since=NOW))

    assert dates(client, settings, NOW + timedelta(days=400)) == [DATES[0]]
