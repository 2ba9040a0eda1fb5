from datetime import date

import pytest

from tasks.backfill_dates import dates_between


@pytest.mark.parametrize(
    ("first", "last", "step", "expected"),
    [
        ("2026-02-27", "2026-03-02", "day", ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]),
        ("2026-06-01", "2026-06-21", "week", ["2026-06-01", "2026-06-08", "2026-06-15"]),
        ("2026-11-30", "2027-03-31", "month", ["2026-11-30", "2026-12-30", "2027-01-30", "2027-02-28", "2027-03-30"]),
        ("2026-01-31", "2026-03-31", "month", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("2026-06-01", "2026-06-01", "month", ["2026-06-01"]),
    ],
)
def test_the_dates_from_first_to_last(first, last, step, expected):
    found = dates_between(date.fromisoformat(first), date.fromisoformat(last), step)

    assert [day.isoformat() for day in found] == expected


def test_a_backfill_goes_forward_in_time():
    with pytest.raises(ValueError, match="lies before"):
        dates_between(date(2026, 6, 2), date(2026, 6, 1), "day")
