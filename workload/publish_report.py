"""Publishes the report of a run beside its other files: a page for people, and the same as data."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from reports.data import Report
from warehouse.warehouse import Warehouse
from workload.figures import Looks, NothingToReport, report_of
from workload.publish import MANIFEST, day_folder, replace, write_json


def report_of_day(warehouse: Warehouse, looks: Looks, run_date: date | None = None) -> Report:
    """The report of the run_date once more, of the last scored one unless told.

    Raises NothingToReport, TooOld, and what the warehouse raises.
    """
    days = {row.run_date: row for row in warehouse.scored_days()}
    if not days or (run_date is not None and run_date not in days):
        known = f"the last day that was is {max(days)}" if days else "no day was; ask for a run first"
        raise NothingToReport(f"{run_date or 'this day'} has not been scored; {known}")
    return report_of(warehouse, days[run_date or max(days)].run_id, looks)


def publish_report(report: Report, folder: Path) -> Path:
    """Writes report.html and report.json and adds them to the manifest; returns the page.

    Doing it again gives the same bytes. Raises NothingToReport when the files there are of another run.
    """
    from reports.page import page_of

    about = report.provenance
    target = folder / day_folder(about.pipeline, about.run_date)
    manifest_of(target, about.run_id)
    page = page_of(report)
    written: dict[str, Callable[[Path], object]] = {
        "report.json": lambda path: path.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8"),
        "report.html": lambda path: path.write_text(page, encoding="utf-8"),
    }
    # drawing takes a second: another run may have published meanwhile
    manifest = manifest_of(target, about.run_id)
    checksums = {name: replace(target / name, about.run_id, write) for name, write in written.items()}
    manifest = {**manifest, "sha256": {**manifest["sha256"], **checksums}}
    replace(target / MANIFEST, about.run_id, lambda path: write_json(path, manifest))
    return target / "report.html"


def manifest_of(target: Path, run_id: str) -> Mapping[str, Any]:
    """What the folder of a run_date has; raises NothingToReport when that is not of this run."""
    try:
        manifest: dict[str, Any] = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NothingToReport(f"run {run_id} has not been published; a new attempt of the date publishes it") from None
    if manifest["run_id"] != run_id:
        raise NothingToReport(f"run {run_id}: the published files are those of {manifest['run_id']}")
    return manifest
