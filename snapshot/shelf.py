"""The shelf: all snapshots of a pipeline, open, and always the newest of each run_date."""

import logging
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from snapshot.layout import snapshot_files
from snapshot.read import Snapshot, SnapshotUnavailable, SnapshotUnusable, version_of

FRESH = 1.0
"""Seconds for which the folder is not looked at again."""
log = logging.getLogger(__name__)


class Shelf:
    """For one thread. Looks at the folder again when somebody asks, so it is never more than FRESH seconds behind.

    A damaged file is left out. What cannot be looked at now, as when a mounted bucket does not answer, stays as it is
    known. Both are said in the log once, for as long as they last. Before anything is known, asking raises
    SnapshotUnavailable.
    """

    def __init__(self, folder: Path, *, most: int) -> None:
        """`most`: so many of the last run_dates."""
        self._folder, self._most = folder, most
        self._open: dict[date, Snapshot] = {}
        self._said: set[str] = set()
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
        troubles: list[str] = []
        found = self._found(troubles)
        before, self._open, self._looked_at = self._open, found, now
        for snapshot in before.values():
            if snapshot not in found.values():
                snapshot.close()
        for trouble in troubles:
            if trouble not in self._said:
                log.error("%s", trouble)
        self._said = set(troubles)

    def _found(self, troubles: list[str]) -> dict[date, Snapshot]:
        """Raises SnapshotUnavailable when it is not known whether there are any."""
        try:
            paths = snapshot_files(self._folder)
        except OSError as error:
            if not self._open:
                raise SnapshotUnavailable(f"the published results cannot be listed: {error.strerror}") from None
            troubles.append(str(error))
            return self._open
        found: dict[date, Snapshot] = {}
        for run_date, path in paths.items():
            if len(found) == self._most:
                break
            snapshot = self._kept_or_opened(self._open.get(run_date), path, troubles)
            if snapshot is not None:
                found[run_date] = snapshot
        return found

    def _kept_or_opened(self, known: Snapshot | None, path: Path, troubles: list[str]) -> Snapshot | None:
        try:
            if known is not None and known.version == version_of(path):
                return known
            return Snapshot(path)
        except FileNotFoundError:
            return None  # removed a moment ago
        except (OSError, SnapshotUnavailable) as trouble:
            troubles.append(str(trouble))
            return known
        except SnapshotUnusable as trouble:
            troubles.append(str(trouble))
            return None
