"""What a snapshot is made of: one SQLite file for each run_date, written once and never changed.

Customers stand in the order of their ids, which finds one of a million in some microseconds; an index lists those of
a segment in the same order. Money is in whole cents. Who changes the layout counts LAYOUT up.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rfm.model import FittedModel

LAYOUT = 1
SUFFIX = ".sqlite"
SCHEMA = (
    "create table about (content text not null)",
    """
    create table customers (
        customer_id text primary key, recency integer, frequency integer, monetary_cents integer,
        r_score integer, f_score integer, m_score integer, segment integer, reason text
    ) without rowid
    """,
)
BY_SEGMENT = "create index by_segment on customers (segment, customer_id) where segment is not null"
"""Made when all customers are in, which is faster."""


class SegmentFigures(BaseModel):
    """One segment of a run_date. `share` is of the scored customers, 0 to 1; recency in days; medians are exact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segment: str
    customers: int
    share: float
    orders: int
    revenue: float
    median_recency: float
    median_frequency: float
    median_monetary: float
    colour: str
    advice: str


class About(BaseModel):
    """The run whose results these are. Without a customer to score there is no model, and there are no segments.

    A customer's `segment` is a position in the segments of `model.rules`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    run_date: date
    window_days: Annotated[int, Field(gt=0)]
    model_id: str | None
    model: FittedModel | None
    scored: int
    rejected: int
    segments: Sequence[SegmentFigures]


def snapshots_folder(published: Path, pipeline: str) -> Path:
    return published / "snapshots" / pipeline


def snapshot_name(run_date: date) -> str:
    return f"{run_date.isoformat()}{SUFFIX}"


def run_date_of(name: str) -> date | None:
    """None of a file that was written aside, or is somebody else's."""
    try:
        return date.fromisoformat(name.removesuffix(SUFFIX)) if name.endswith(SUFFIX) else None
    except ValueError:
        return None


def snapshot_files(folder: Path) -> dict[date, Path]:
    """The snapshots of a folder by run_date, the newest first; {} without the folder.

    Raises OSError when it cannot be listed, which glob would take for empty.
    """
    try:
        paths = list(folder.iterdir())
    except FileNotFoundError:
        return {}
    dated = ((run_date_of(path.name), path) for path in paths)
    found = {run_date: path for run_date, path in dated if run_date is not None}
    return dict(sorted(found.items(), reverse=True))
