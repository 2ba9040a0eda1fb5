"""Staging: Parquet files in a folder beside the warehouse, where scored batches wait for the commit.

A process locks its folder for as long as it lives, so that the next one knows which folders a killed process
has left, and removes them.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

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
        with _locked(root / ".lock", fcntl.LOCK_EX):
            _remove_left_over(root)
            folder = Path(mkdtemp(prefix=f"{run_id}-", dir=root))
            stack.enter_context(_locked(folder / ".lock", fcntl.LOCK_EX))
        stack.callback(shutil.rmtree, folder)
        yield folder


def _remove_left_over(root: Path) -> None:
    for name in _folders(root):
        _remove_unless_used(root / name)


def abandoned_folders(root: Path) -> list[Abandoned]:
    """Those whose process has ended, by name."""
    return [
        Abandoned(name, datetime.fromtimestamp((root / name).stat().st_mtime, UTC))
        for name in _folders(root)
        if not _is_used(root / name)
    ]


def remove_abandoned(root: Path, name: str) -> None:
    """Under the lock that whoever makes a folder takes: a new one has its own lock before this looks at it."""
    with _locked(root / ".lock", fcntl.LOCK_EX):
        if name in _folders(root):
            _remove_unless_used(root / name)


def _folders(root: Path) -> list[str]:
    return sorted(folder.name for folder in root.iterdir() if folder.is_dir()) if root.exists() else []


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
