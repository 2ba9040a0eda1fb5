"""What is answered about results, over HTTP. Recency in days, frequency in orders, monetary in money.

Typed dictionaries: they are documented like models, and cost nothing to make, which one customer on many run_dates
would feel.
"""

from collections.abc import Sequence
from datetime import date

from typing_extensions import TypedDict

from snapshot.layout import SegmentFigures
from snapshot.read import Customer, Snapshot


class Scores(TypedDict):
    """1 is worst."""

    recency: int
    frequency: int
    monetary: int


class Standing(TypedDict):
    """One customer on one run_date. One that was not scored has a reason, and neither scores nor segment."""

    run_date: date
    segment: str | None
    scores: Scores | None
    recency: int | None
    frequency: int | None
    monetary: float | None
    reason: str | None


class CustomerView(TypedDict):
    """A customer on the last run_date that knows them, and on all that do, the newest first.

    `current` is false when that is not the newest published run_date: no order of theirs is in its window.
    """

    customer_id: str
    current: bool
    latest: Standing
    history: Sequence[Standing]


class SegmentMember(TypedDict):
    """One scored customer."""

    customer_id: str
    scores: Scores
    recency: int | None
    frequency: int | None
    monetary: float | None


class SegmentPage(TypedDict):
    """Customers of one segment in the order of their ids. `next` is the address of the page after; null: no more."""

    run_date: date
    run_id: str
    segment: str
    customers: Sequence[SegmentMember]
    next: str | None


class SegmentList(TypedDict):
    """The segments that have customers, in the order of the rules. Shares are of the scored customers, 0 to 1."""

    run_date: date
    run_id: str
    model_id: str | None
    scored: int
    rejected: int
    segments: Sequence[SegmentFigures]


class ReportLink(TypedDict):
    """`url` is the page for people, `data` the same as JSON."""

    run_date: date
    url: str
    data: str


class ReportList(TypedDict):
    """The reports that are published, the newest run_date first."""

    reports: Sequence[ReportLink]


def scores_view(scores: tuple[int, int, int]) -> Scores:
    recency, frequency, monetary = scores
    return {"recency": recency, "frequency": frequency, "monetary": monetary}


def standing(run_date: date, found: Customer) -> Standing:
    return {
        "run_date": run_date,
        "segment": found.segment,
        "scores": scores_view(found.scores) if found.scores else None,
        "recency": found.recency,
        "frequency": found.frequency,
        "monetary": money(found.monetary_cents),
        "reason": found.reason,
    }


def member(found: Customer, scores: tuple[int, int, int]) -> SegmentMember:
    return {
        "customer_id": found.customer_id,
        "scores": scores_view(scores),
        "recency": found.recency,
        "frequency": found.frequency,
        "monetary": money(found.monetary_cents),
    }


def segment_list(snapshot: Snapshot) -> SegmentList:
    about = snapshot.about
    return {
        "run_date": about.run_date,
        "run_id": about.run_id,
        "model_id": about.model_id,
        "scored": about.scored,
        "rejected": about.rejected,
        "segments": about.segments,
    }


def money(cents: int | None) -> float | None:
    return None if cents is None else cents / 100
