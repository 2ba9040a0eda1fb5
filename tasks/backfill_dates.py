"""The dates of a backfill."""

from calendar import monthrange
from datetime import date, timedelta
from itertools import count, takewhile
from typing import Literal

Step = Literal["day", "week", "month"]


def dates_between(first: date, last: date, step: Step) -> list[date]:
    """From `first` up to and with `last`, oldest first; by month on the same day, or the last one a month has.

    Raises ValueError when `last` lies before `first`.
    """
    if last < first:
        raise ValueError(f"a backfill goes forward in time: {last} lies before {first}")
    return list(takewhile(lambda day: day <= last, (_plus(first, steps, step) for steps in count())))


def _plus(first: date, steps: int, step: Step) -> date:
    if step != "month":
        return first + timedelta(days=steps * (7 if step == "week" else 1))
    years, month = divmod(first.month - 1 + steps, 12)
    year, month = first.year + years, month + 1
    return date(year, month, min(first.day, monthrange(year, month)[1]))
