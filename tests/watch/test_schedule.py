"""Times of a schedule, over the clock changes of Sydney too."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from watch.schedule import scheduled_times

SYDNEY = ZoneInfo("Australia/Sydney")
MONDAY_8 = "0 8 * * 1"


def times(cron, after, until):
    return scheduled_times(
        cron, SYDNEY, after=datetime.fromisoformat(after).replace(tzinfo=UTC), until=datetime.fromisoformat(until + "Z")
    )


@pytest.mark.parametrize(
    ("after", "until", "in_utc"),
    [
        # summer time begins on Sunday 4 October 2026, and ends on Sunday 5 April 2026
        ("2026-09-27T00:00", "2026-10-12T00:00", ["2026-09-27 22:00", "2026-10-04 21:00", "2026-10-11 21:00"]),
        ("2026-03-29T00:00", "2026-04-13T00:00", ["2026-03-29 21:00", "2026-04-05 22:00", "2026-04-12 22:00"]),
    ],
)
def test_monday_at_eight_stays_at_eight_when_the_clocks_change(after, until, in_utc):
    found = times(MONDAY_8, after, until)

    assert [f"{at:%a %H:%M}" for at in found] == ["Mon 08:00"] * 3
    assert [f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" for at in found] == in_utc


def test_the_end_belongs_to_it_and_the_beginning_does_not():
    assert len(times(MONDAY_8, "2026-11-22T21:00", "2026-11-29T21:00")) == 1
    assert times(MONDAY_8, "2026-11-22T21:00", "2026-11-29T20:59") == []
