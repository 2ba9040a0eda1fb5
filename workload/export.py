"""Export: the segments for those who use them, and only what changed since the run_date before, with a manifest.

Files are CSV for people and tools that read nothing else, and Parquet, exact to the type. Each is written aside
and put in its place as a whole, the manifest last, with the checksums of the others: who needs all files of one
run compares them. The target is a folder or any address that fsspec knows, such as gs://bucket/folder.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from errors import Permanent, Retryable
from rfm.spreadsheet import without_formulas
from warehouse.warehouse import CHANGES, CURRENT, LedgerRow, Warehouse
from workload.target import Target, open_target

BATCH_ROWS = 100_000

Batches = Callable[[], AbstractContextManager[Iterator[pa.RecordBatch]]]


class NothingToExport(Permanent):
    """No scores of that date; no file was touched."""


class ReplacedMeanwhile(Retryable):
    """Another run has replaced the scores while they were read; no file was touched."""


@dataclass(frozen=True, slots=True)
class Exported:
    """`before` is the run_date that the changes are counted from; on the first date everybody is new."""

    run_id: str
    run_date: date
    before: date | None
    customers: int
    changed: int
    where: str


def export(warehouse: Warehouse, to: str, run_date: date | None = None) -> Exported:
    """Writes segments and changes (.csv and .parquet) and manifest.json; of the last scored date unless told.

    Doing it again gives the same files. Raises NothingToExport, ReplacedMeanwhile, CannotWrite, and what the warehouse
    raises.
    """
    days = {row.run_date: row for row in warehouse.scored_days()}
    ledger = _chosen(days, run_date)
    since = max((day for day in days if day < ledger.run_date), default=None)
    written: dict[str, tuple[pa.Schema, Batches]] = {
        "segments": (CURRENT, lambda: warehouse.current_segments(ledger.run_date, BATCH_ROWS)),
        "changes": (CHANGES, lambda: warehouse.segment_changes(ledger.run_date, since, BATCH_ROWS)),
    }
    target = open_target(to)
    rows: dict[str, int] = {}
    with TemporaryDirectory(prefix="export-") as made:
        for name, (schema, batches) in written.items():
            with batches() as found:
                rows[name] = _write(Path(made), name, schema, found)
        _require_still(warehouse, [days[since], ledger] if since else [ledger])
        manifest = _manifest(ledger, since, rows, Path(made))
        (Path(made) / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        _deliver(Path(made), [*manifest["sha256"], "manifest.json"], target)
    return Exported(ledger.run_id, ledger.run_date, since, rows["segments"], rows["changes"], target.where)


def _chosen(days: Mapping[date, LedgerRow], run_date: date | None) -> LedgerRow:
    if not days:
        raise NothingToExport("nothing has been scored yet; ask for a run first")
    if run_date is not None and run_date not in days:
        raise NothingToExport(f"{run_date} has not been scored; the last day that was is {max(days)}")
    return days[run_date or max(days)]


def _require_still(warehouse: Warehouse, read: Sequence[LedgerRow]) -> None:
    """Segments and changes are read one after the other: whoever replaced rows meanwhile has left a ledger row."""
    now = {row.run_date: row for row in warehouse.scored_days()}
    for row in read:
        if now.get(row.run_date) != row or warehouse.score_totals(row.run_date, row.run_id).foreign_rows:
            raise ReplacedMeanwhile(f"the scores of {row.run_date} were replaced while they were read; export again")


def _write(folder: Path, name: str, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> int:
    rows = 0
    with ExitStack() as stack:
        text = stack.enter_context(pyarrow.csv.CSVWriter(folder / f"{name}.csv", schema))
        exact = stack.enter_context(pyarrow.parquet.ParquetWriter(folder / f"{name}.parquet", schema))
        for batch in batches:
            text.write_batch(without_formulas(batch))
            exact.write_batch(batch)
            rows += batch.num_rows
    return rows


def _manifest(ledger: LedgerRow, since: date | None, rows: dict[str, int], folder: Path) -> dict[str, Any]:
    return {
        "run_id": ledger.run_id,
        "run_date": ledger.run_date.isoformat(),
        "changes_since": since.isoformat() if since else None,
        "model_id": ledger.facts["model_id"],
        "rows": rows,
        "sha256": {file.name: _sha256(file) for file in sorted(folder.iterdir())},
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _deliver(folder: Path, names: list[str], target: Target) -> None:
    for name in names:
        target.put(folder / name, name)
