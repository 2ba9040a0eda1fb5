"""Files for readers: what the run has committed, as Parquet, CSV and JSON, each replaced by atomic rename.

A reader never sees half a file. The manifest is replaced last and has the checksum of every other file: who
needs all of one run compares them.
"""

import csv
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from errors import Permanent
from messenger.contract import RunRequest
from rfm.rule_set import Segment
from warehouse.closing import require_open
from warehouse.warehouse import LedgerRow, SegmentSummary, Warehouse
from workload.models import model_of

REPORT = ("report.html", "report.json")
"""Made after the run is confirmed (workload/publish_report.py)."""
MANIFEST = "manifest.json"
SCORES_FILE, SEGMENTS_FILE = "scores.parquet", "segments.json"


class NotCommitted(Permanent):
    """The run has no committed scores, or another run has replaced them; no file was touched."""


def day_folder(pipeline: str, run_date: date) -> str:
    """Where the files of a run_date are, in the folder or bucket of what is published."""
    return f"{pipeline}/{run_date.isoformat()}"


def publish(warehouse: Warehouse, request: RunRequest, folder: Path) -> Path:
    """Writes <folder>/<pipeline>/<run_date>/ and returns it. Doing it again gives the same files.

    Raises NotCommitted, RunClosed, and what the warehouse raises.
    """
    require_open(warehouse, request.run_id)
    ledger = warehouse.ledger_row(request.run_id, request.step)
    if ledger is None:
        raise NotCommitted(f"run {request.run_id} has committed no scores; run its step {request.step} first")
    totals = warehouse.score_totals(request.run_date, request.run_id)
    if totals.foreign_rows or totals.scored != ledger.facts["scored"]:
        raise NotCommitted(f"run {request.run_id}: another run has replaced the scores of {request.run_date}")
    target = folder / day_folder(request.pipeline, request.run_date)
    target.mkdir(parents=True, exist_ok=True)
    for name in REPORT:
        # of what is replaced now; better none than that of other scores
        (target / name).unlink(missing_ok=True)
    segments = segment_rows(warehouse, ledger)
    about = {"run_id": ledger.run_id, "run_date": ledger.run_date.isoformat(), "model_id": ledger.facts["model_id"]}
    written: dict[str, Callable[[Path], object]] = {
        SCORES_FILE: lambda path: warehouse.export_scores(request.run_date, path),
        "segments.csv": lambda path: _write_csv(path, segments),
        SEGMENTS_FILE: lambda path: write_json(path, {**about, "segments": segments}),
    }
    checksums = {name: replace(target / name, request.run_id, write) for name, write in written.items()}
    manifest = {**about, "scored": totals.scored, "rejected": totals.rejected, "sha256": checksums}
    replace(target / MANIFEST, request.run_id, lambda path: write_json(path, manifest))
    return target


def segment_rows(warehouse: Warehouse, ledger: LedgerRow) -> list[dict[str, Any]]:
    """The segments that have customers, in the rule set's order, with its colour and advice."""
    model = model_of(warehouse, ledger)
    if model is None:
        return []
    summaries = {summary.segment: summary for summary in warehouse.segment_summary(ledger.run_date)}
    return [_row(summaries[one.name], one) for one in model.rules.segments if one.name in summaries]


def _row(summary: SegmentSummary, segment: Segment) -> dict[str, Any]:
    return {**asdict(summary), "colour": segment.colour, "advice": segment.advice}


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = [field.name for field in fields(SegmentSummary)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, default=_number, ensure_ascii=False) + "\n", encoding="utf-8")


def _number(value: object) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in these files")


def replace(path: Path, run_id: str, write: Callable[[Path], object]) -> str:
    """Writes beside the file, makes it durable, and puts it in the file's place; returns its sha256."""
    beside = path.with_name(f".{path.name}.{run_id}")
    write(beside)
    with beside.open("rb") as file:
        os.fsync(file.fileno())
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    beside.replace(path)
    return checksum
