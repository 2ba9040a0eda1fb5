"""Where results are published: a folder, or a bucket where the roles share no disk.

For a bucket everything is made in a folder of this process's own, and then delivered: each file becomes one object, so
a reader has the former one or the new one, never half of it. The order is that of a folder: the report of what is
replaced goes first, the manifest comes last (docs/adr/0030-published-to-a-bucket.md).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from messenger.contract import RunRequest
from snapshot.layout import run_date_of
from warehouse.closing import require_open
from warehouse.warehouse import Warehouse
from workload.publish import MANIFEST, REPORT, day_folder, publish
from workload.snapshot import MADE_OF, publish_snapshot

if TYPE_CHECKING:
    from reports.data import Report
    from workload.target import Target


class Published(Protocol):
    def publish_run(self, warehouse: Warehouse, request: RunRequest) -> None:
        """The files of the run.

        Raises NotCommitted, RunClosed, and what the warehouse raises; a bucket CannotWrite and Unreachable too.
        """

    def publish_snapshot(self, warehouse: Warehouse, request: RunRequest, *, keep: int) -> None:
        """Of a run whose files are there; the snapshots of the `keep` newest run_dates stay.

        Raises NotCommitted, TooOld, and what the warehouse raises; a bucket CannotWrite and Unreachable too.
        """

    def publish_report(self, report: "Report") -> str:
        """Beside the files of its run; returns where the page is. Raises NothingToReport, and as `publish_run`."""


def open_published(folder: Path, bucket: str) -> Published:
    """The bucket where there is one, such as gs://bucket/folder."""
    return PublishedBucket(bucket.rstrip("/")) if bucket else PublishedFolder(folder)


@dataclass(frozen=True, slots=True)
class PublishedFolder:
    folder: Path

    def publish_run(self, warehouse: Warehouse, request: RunRequest) -> None:
        publish(warehouse, request, self.folder)

    def publish_snapshot(self, warehouse: Warehouse, request: RunRequest, *, keep: int) -> None:
        publish_snapshot(warehouse, request, self.folder, keep=keep)

    def publish_report(self, report: "Report") -> str:
        from workload.publish_report import publish_report

        return str(publish_report(report, self.folder))


@dataclass(frozen=True, slots=True)
class PublishedBucket:
    address: str

    def publish_run(self, warehouse: Warehouse, request: RunRequest) -> None:
        with _folder() as made:
            files = publish(warehouse, request, made)
            target, day = self._target(), _name(files, made)
            # making them took a while: the run may have been given up
            require_open(warehouse, request.run_id)
            for name in REPORT:
                target.remove(f"{day}/{name}")
            names = sorted(file.name for file in files.iterdir())
            for name in [*(name for name in names if name != MANIFEST), MANIFEST]:
                target.put(files / name, f"{day}/{name}")

    def publish_snapshot(self, warehouse: Warehouse, request: RunRequest, *, keep: int) -> None:
        target, day = self._target(), day_folder(request.pipeline, request.run_date)
        with _folder() as made:
            (made / day).mkdir(parents=True)
            for name in MADE_OF:
                target.fetch(f"{day}/{name}", made / day / name)
            snapshot = publish_snapshot(warehouse, request, made, keep=keep)
            target.put(snapshot, _name(snapshot, made))
            _remove_old(target, _name(snapshot.parent, made), keep)

    def publish_report(self, report: "Report") -> str:
        from workload.publish_report import manifest_of, publish_report

        about = report.provenance
        day = day_folder(about.pipeline, about.run_date)
        target = self._target()
        with _folder() as made:
            (made / day).mkdir(parents=True)
            target.fetch(f"{day}/{MANIFEST}", made / day / MANIFEST)
            files = publish_report(report, made).parent
            # drawing takes a second: another run may have published meanwhile
            (made / "now").mkdir()
            target.fetch(f"{day}/{MANIFEST}", made / "now" / MANIFEST)
            manifest_of(made / "now", about.run_id)
            for name in (*reversed(REPORT), MANIFEST):
                target.put(files / name, f"{day}/{name}")
        return f"{self.address}/{day}/{REPORT[0]}"

    def _target(self) -> "Target":
        from workload.target import open_target

        return open_target(self.address)


def _remove_old(target: "Target", folder: str, keep: int) -> None:
    dated = [name for name in target.names(folder) if run_date_of(name)]
    for name in sorted(dated, reverse=True)[keep:]:
        target.remove(f"{folder}/{name}")


def _name(path: Path, made: Path) -> str:
    return path.relative_to(made).as_posix()


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="published-") as made:
        yield Path(made)
