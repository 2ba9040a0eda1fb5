"""The snapshot of a run: its published results once more, in a file that the invoker can be asked about."""

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet

from messenger.contract import RunRequest
from rfm.model import FittedModel
from snapshot.layout import About, snapshot_files, snapshot_name, snapshots_folder
from snapshot.write import Row, write_snapshot
from warehouse.money import cents_of
from warehouse.warehouse import REJECTED, Warehouse
from workload.models import model_of, window_of
from workload.publish import SCORES_FILE, SEGMENTS_FILE, NotCommitted, day_folder
from workload.score import SCORING_STEP

BATCH_ROWS = 50_000
SCORE_COLUMNS = ("r_score", "f_score", "m_score")
MADE_OF = (SCORES_FILE, SEGMENTS_FILE)
"""The published files of a run that a snapshot is made of."""


def publish_snapshot(warehouse: Warehouse, request: RunRequest, published: Path, *, keep: int) -> Path:
    """Puts the run's snapshot in the place of the run_date's former one, and removes all but the `keep` newest dates.

    What workload.publish has written for the run must be there; `request` may be one for a later step of the run. A
    run_date that is older than the kept ones gets no snapshot. The warehouse is free while the file is written. Raises
    NotCommitted, TooOld, and what the warehouse raises; then the former snapshot is whole.
    """
    files = published / day_folder(request.pipeline, request.run_date)
    about, model = _about(warehouse, request, _segments(files))
    folder = snapshots_folder(published, request.pipeline)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / snapshot_name(request.run_date)
    beside = path.with_name(f".{path.name}.{request.run_id}")
    rejected = beside.with_name(f"{beside.name}.rejected")
    beside.unlink(missing_ok=True)
    try:
        _set_aside(warehouse, request.run_date, rejected)
        if warehouse.score_totals(request.run_date, request.run_id).foreign_rows:
            raise NotCommitted(f"run {request.run_id}: another run has replaced the scores of {request.run_date}")
        write_snapshot(beside, about, _rows(model, files / SCORES_FILE, rejected))
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
        rejected.unlink(missing_ok=True)
    for old in list(snapshot_files(folder).values())[keep:]:
        old.unlink(missing_ok=True)
    return path


def _segments(files: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((files / SEGMENTS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content


def _about(warehouse: Warehouse, request: RunRequest, content: dict[str, Any]) -> tuple[About, FittedModel | None]:
    ledger = warehouse.ledger_row(request.run_id, SCORING_STEP)
    if ledger is None or content.get("run_id") != request.run_id:
        raise NotCommitted(f"run {request.run_id} has published no scores of {request.run_date}, or no longer")
    model = model_of(warehouse, ledger)
    about = About(
        run_id=ledger.run_id,
        run_date=ledger.run_date,
        window_days=window_of(ledger),
        model_id=content["model_id"],
        model=model,
        scored=int(str(ledger.facts["scored"])),
        rejected=int(str(ledger.facts["rejected"])),
        segments=content["segments"],
    )
    return about, model


def _set_aside(warehouse: Warehouse, run_date: date, path: Path) -> None:
    """The rejected rows as a file: nobody else can open the warehouse while they are read from it."""
    with warehouse.rejected(run_date, BATCH_ROWS) as batches, pyarrow.parquet.ParquetWriter(path, REJECTED) as file:
        for batch in batches:
            file.write_batch(batch)


def _rows(model: FittedModel | None, scores: Path, rejected: Path) -> Iterator[Row]:
    positions = {segment.name: place for place, segment in enumerate(model.rules.segments)} if model else {}
    wanted = ["customer_id", "recency", "frequency", "monetary", *SCORE_COLUMNS, "segment"]
    with pyarrow.parquet.ParquetFile(scores) as file:
        for batch in file.iter_batches(BATCH_ROWS, columns=wanted):
            yield from _scored(batch, positions)
    with pyarrow.parquet.ParquetFile(rejected) as file:
        for batch in file.iter_batches(BATCH_ROWS):
            columns = (column.to_pylist() for column in batch.columns)
            for customer, recency, frequency, cents, reason in zip(*columns, strict=True):
                yield customer, recency, frequency, cents, None, None, None, None, reason


def _scored(batch: pa.RecordBatch, positions: dict[str, int]) -> Iterator[Row]:
    segments = [positions[name] for name in batch["segment"].to_pylist()]
    whole = [batch[name].to_pylist() for name in ("customer_id", "recency", "frequency")]
    scores = [batch[name].to_pylist() for name in SCORE_COLUMNS]
    columns = [*whole, cents_of(batch["monetary"]).to_pylist(), *scores, segments, [None] * batch.num_rows]
    return cast(Iterator[Row], zip(*columns, strict=True))
