"""The shelf: all snapshots of a pipeline, open, and always the newest of each run_date."""

import logging
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from snapshot.layout import snapshot_files
from snapshot.read import Snapshot, SnapshotUnusable

FRESH = 1.0
"""Seconds for which the folder is not looked at again."""
log = logging.getLogger(__name__)


class Shelf:
    """For one thread. Looks at the folder again when somebody asks, so it is never more than FRESH seconds behind.

    A file that cannot be read is left out and said so in the log, once for each version of it.
    """

    def __init__(self, folder: Path, *, most: int) -> None:
        """`most`: so many of the last run_dates."""
        self._folder, self._most = folder, most
        self._open: dict[date, Snapshot] = {}
        self._unusable: set[tuple[Path, int]] = set()
        self._looked_at = float("-inf")

    def newest_first(self) -> Sequence[Snapshot]:
        self._look()
        return list(self._open.values())

    def newest(self) -> Snapshot | None:
        self._look()
        return next(iter(self._open.values()), None)

    def of(self, run_date: date) -> Snapshot | None:
        self._look()
        return self._open.get(run_date)

    def close(self) -> None:
        for snapshot in self._open.values():
            snapshot.close()
        self._open = {}

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < FRESH:
            return
        self._looked_at = now
        before, self._open = self._open, {}
        for run_date, path in snapshot_files(self._folder).items():
            if len(self._open) == self._most:
                break
            snapshot = self._kept_or_opened(before.get(run_date), path)
            if snapshot is not None:
                self._open[run_date] = snapshot
        for snapshot in before.values():
            if snapshot not in self._open.values():
                snapshot.close()

    def _kept_or_opened(self, known: Snapshot | None, path: Path) -> Snapshot | None:
        try:
            found = path.stat()
            if known is not None and known.version == (found.st_ino, found.st_mtime_ns, found.st_size):
                return known
            return Snapshot(path)
        except FileNotFoundError:
            return None  # removed a moment ago
        except SnapshotUnusable as unusable:
            if (path, found.st_mtime_ns) not in self._unusable:
                self._unusable.add((path, found.st_mtime_ns))
                log.error("%s", unusable)
            return None
