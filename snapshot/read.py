"""Reads one snapshot: the results of a run_date, customer by customer."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from errors import Permanent, Retryable
from rfm.one import OneScorer
from snapshot.layout import LAYOUT, About

CACHE_KIB = 256
"""The system's own cache does the rest. Nothing is mapped into memory: where the folder is a bucket, a page that cannot
be had would then end the process instead of being an error.
"""
COLUMNS = "customer_id, recency, frequency, monetary_cents, r_score, f_score, m_score, segment, reason"


class SnapshotUnusable(Permanent):
    """The file is damaged, or of another version of this program; publishing its run_date again mends it."""


class SnapshotUnavailable(Retryable):
    """The file cannot be read now, as when a mounted bucket does not answer."""


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer on one run_date: days, orders, cents; scores in the order recency, frequency, monetary.

    One that was not scored has a reason, no scores, no segment, and perhaps no values.
    """

    customer_id: str
    recency: int | None
    frequency: int | None
    monetary_cents: int | None
    scores: tuple[int, int, int] | None
    segment: str | None
    reason: str | None


def version_of(path: Path) -> tuple[int, int, int]:
    """Another one when another file has taken its place. Raises OSError."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


class Snapshot:
    """An open file. It is read as it was when it was opened, also after another one has taken its place."""

    def __init__(self, path: Path) -> None:
        """Raises SnapshotUnusable, SnapshotUnavailable, and OSError."""
        self.path = path
        self.version = version_of(path)
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise SnapshotUnavailable(f"snapshot {path} cannot be opened: {error}") from None
        self._by_id = self._connection.cursor()
        try:
            self.about = self._read_about()
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise SnapshotUnavailable(f"snapshot {path} cannot be read: {error}") from None
        except (sqlite3.Error, ValueError) as broken:
            self._connection.close()
            raise SnapshotUnusable(
                f"snapshot {path} is damaged or of another version ({type(broken).__name__}); publish the date again"
            ) from None

    def _read_about(self) -> About:
        self._connection.execute("pragma mmap_size = 0").fetchall()
        self._connection.execute(f"pragma cache_size = -{CACHE_KIB}")
        [(layout,)] = self._connection.execute("pragma user_version").fetchall()
        if layout != LAYOUT:
            raise sqlite3.DatabaseError(f"layout {layout}")
        [(content,)] = self._connection.execute("select content from about").fetchall()
        return About.model_validate_json(content)

    @cached_property
    def scorer(self) -> OneScorer | None:
        return OneScorer(self.about.model) if self.about.model else None

    @cached_property
    def segment_names(self) -> Sequence[str]:
        """In the order of the rules, also those without a customer."""
        return [segment.name for segment in self.about.model.rules.segments] if self.about.model else []

    def customer(self, customer_id: str) -> Customer | None:
        """Microseconds: one descent of a tree, by a cursor that is kept, since a new one costs a fifth of that.

        Raises SnapshotUnavailable.
        """
        try:
            rows = self._by_id.execute(
                f"select {COLUMNS} from customers where customer_id = ?",  # noqa: S608
                [customer_id],
            ).fetchall()
        except sqlite3.Error as error:
            raise self._unavailable(error) from None
        return self._customer(*rows[0]) if rows else None

    def customers_of(self, segment: str, *, after: str, limit: int) -> list[Customer]:
        """The next ones in the order of their ids; those after the id `after`, which need not be there.

        Raises SnapshotUnavailable.
        """
        try:
            rows = self._connection.execute(
                f"select {COLUMNS} from customers where segment = ? and customer_id > ? order by customer_id limit ?",  # noqa: S608
                [self.segment_names.index(segment), after, limit],
            ).fetchall()
        except sqlite3.Error as error:
            raise self._unavailable(error) from None
        return [self._customer(*row) for row in rows]

    def _unavailable(self, error: sqlite3.Error) -> SnapshotUnavailable:
        """SQLite's own words name no customer."""
        return SnapshotUnavailable(f"the results of {self.about.run_date} cannot be read: {error}")

    def _customer(
        self,
        customer_id: str,
        recency: int | None,
        frequency: int | None,
        cents: int | None,
        r: int,
        f: int,
        m: int,
        position: int | None,
        reason: str | None,
    ) -> Customer:
        segment = None if position is None else self.segment_names[position]
        scores = None if position is None else (r, f, m)
        return Customer(customer_id, recency, frequency, cents, scores, segment, reason)

    def close(self) -> None:
        self._connection.close()
