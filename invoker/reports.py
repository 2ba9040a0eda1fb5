"""The reports that runs have published: pages for people, and the same as data."""

from datetime import date
from pathlib import Path
from typing import Literal

from errors import Retryable

Kind = Literal["html", "json"]


class ReportsUnavailable(Retryable):
    """They cannot be read now, as when a mounted bucket is away."""


class Reports:
    """`folder` has a folder for each run_date. A path is made of a date and a kind, of nothing that somebody wrote."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run_dates(self) -> list[date]:
        """The newest first. Raises ReportsUnavailable."""
        try:
            found = [_day(day.name) for day in self._folder.iterdir() if (day / "report.html").is_file()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ReportsUnavailable(f"the reports cannot be listed: {error.strerror}") from None
        return sorted((day for day in found if day is not None), reverse=True)

    def content(self, run_date: date, kind: Kind) -> bytes | None:
        """Read at once and whole: a run may publish another in its place at any time. It has less than 2 MB.

        Raises ReportsUnavailable.
        """
        try:
            return (self._folder / run_date.isoformat() / f"report.{kind}").read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ReportsUnavailable(f"the report of {run_date} cannot be read: {error.strerror}") from None


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None
