"""Staging: Parquet files in a folder beside the warehouse, where scored batches wait for the commit.

A process locks its folder for as long as it lives, so that the next one knows which folders a killed process
has left, and removes them.
"""

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.money import MONEY, money_of
from warehouse.warehouse import REJECTED, SCORES, Abandoned, WarehouseOutOfRoom, WarehouseUnusable

ROW_GROUP = 122_880
"""Rows that DuckDB keeps together: groups of this size are taken over as they are, others put together anew."""


class ParquetStaging:
    def __init__(self, folder: Path) -> None:
        self.scores, self.rejected = folder / "scores.parquet", folder / "rejected.parquet"
        self._scores = _writer(self.scores, SCORES)
        self._rejected = _writer(self.rejected, REJECTED)

    def add_scores(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._scores.write_batch(_with_money(batch), row_group_size=ROW_GROUP)

    def add_rejected(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows:
            self._rejected.write_batch(_with_money(batch))

    def finish(self) -> None:
        self._scores.close()
        self._rejected.close()


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Written once and read once: customers are all different, so looking for repetitions only takes time."""
    return pq.ParquetWriter(
        path,
        _money_schema(schema),
        use_dictionary=["segment", "reason"],
        write_statistics=False,
        compression="lz4",
        store_decimal_as_integer=True,
    )


def _money_schema(schema: pa.Schema) -> pa.Schema:
    place = schema.get_field_index("monetary_cents")
    return schema.set(place, pa.field("monetary", MONEY))


def _with_money(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        money_of(batch.column(name)) if name == "monetary_cents" else batch.column(name) for name in batch.schema.names
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_money_schema(batch.schema))


@contextmanager
def parquet_staging(root: Path, run_id: str) -> Iterator[ParquetStaging]:
    """A folder of its own under `root`, gone at the end. Raises WarehouseOutOfRoom, WarehouseUnusable."""
    try:
        with ExitStack() as stack:
            folder = stack.enter_context(_own_folder(root, run_id))
            staging = ParquetStaging(folder)
            stack.callback(staging.finish)
            yield staging
    except OSError as error:
        kind = WarehouseOutOfRoom if error.errno == errno.ENOSPC else WarehouseUnusable
        raise kind(f"{root}: scored batches cannot be staged: {error.strerror or type(error).__name__}") from None


@contextmanager
def _own_folder(root: Path, run_id: str) -> Iterator[Path]:
    root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with _nobody_else(root):
            _remove_left_over(root)
            folder = Path(tempfile.mkdtemp(prefix=f"{run_id}-", dir=root))
            stack.enter_context(_locked(folder / ".lock", fcntl.LOCK_EX))
        stack.callback(_remove_own, root, folder)
        yield folder


def _remove_own(root: Path, folder: Path) -> None:
    """What was committed stays so when this fails: the next run removes what is left."""
    with suppress(OSError), _nobody_else(root):
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_over(root: Path) -> None:
    for name in _folders(root):
        _remove_unless_used(root / name)


def abandoned_folders(root: Path) -> list[Abandoned]:
    """Those whose process has ended, by name."""
    if not root.exists():
        return []
    with _nobody_else(root):
        return [
            Abandoned(name, datetime.fromtimestamp((root / name).stat().st_mtime, UTC))
            for name in _folders(root)
            if not _is_used(root / name)
        ]


def remove_abandoned(root: Path, name: str) -> None:
    if not root.exists():
        return
    with _nobody_else(root):
        if name in _folders(root):
            _remove_unless_used(root / name)


def temporary_root() -> Path:
    """Where there is no warehouse file to stand beside: a folder of this user in the system's for such files, where
    everybody can make one of any name. Raises WarehouseUnusable when somebody else has."""
    root = Path(tempfile.gettempdir()) / f"rfm-staging-{os.getuid()}"
    try:
        root.mkdir(mode=0o700, exist_ok=True)
        found = root.lstat()
    except OSError as error:
        raise WarehouseUnusable(f"{root}: cannot be made: {error.strerror}; scored batches are staged there") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise WarehouseUnusable(
            f"{root}: is not a folder of this user alone, and scored batches are staged there; remove it, or set TMPDIR"
        )
    return root


def _folders(root: Path) -> list[str]:
    return sorted(folder.name for folder in root.iterdir() if folder.is_dir())


def _nobody_else(root: Path) -> AbstractContextManager[None]:
    """Folders are made, looked at and removed by one process at a time: whoever looks finds whole ones, and a new
    one has its own lock already."""
    return _locked(root / ".lock", fcntl.LOCK_EX)


def _is_used(folder: Path) -> bool:
    try:
        with _locked(folder / ".lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            return False
    except BlockingIOError:
        return True


def _remove_unless_used(folder: Path) -> None:
    with suppress(BlockingIOError), _locked(folder / ".lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
        shutil.rmtree(folder)


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    """The system lets go of the lock when the process dies, however it dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
