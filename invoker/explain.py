"""Explain: why a customer has these scores, as far as the published results tell. The orders are not among them."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

from typing_extensions import TypedDict

from invoker.answers import money
from rfm.model import FittedModel
from rfm.one import OneScorer
from rfm.rule_set import MEASURES, Measure
from snapshot.read import Customer, Snapshot

UNITS: dict[Measure, str] = {"recency": "days", "frequency": "orders", "monetary": "money"}


class MeasureExplained(TypedDict):
    """`edges` in growing order; `value_on_edge` says to which side a value belongs that equals one.

    `score` is one of 1 to `best`, and `because` says it in words, as in "39 is at most 64".
    """

    measure: Measure
    unit: str
    value: float | None
    edges: Sequence[float]
    value_on_edge: Literal["below", "above"]
    score: int | None
    best: int
    because: str | None


class Explained(TypedDict):
    """From the values to the segment. Orders from `first_day` to `run_date` count.

    A customer who was not scored has a reason instead of scores.
    """

    customer_id: str
    run_date: date
    run_id: str
    first_day: date
    model_id: str | None
    fitted_on: date | None
    measures: Sequence[MeasureExplained]
    segment: str | None
    advice: str | None
    reason: str | None
    orders: str


def explain(snapshot: Snapshot, found: Customer) -> Explained:
    about = snapshot.about
    return Explained(
        customer_id=found.customer_id,
        run_date=about.run_date,
        run_id=about.run_id,
        first_day=about.run_date - timedelta(days=about.window_days - 1),
        model_id=about.model_id,
        fitted_on=about.model.fitted_on if about.model else None,
        measures=[_measure(snapshot.scorer, measure, found) for measure in MEASURES] if snapshot.scorer else [],
        segment=found.segment,
        advice=_advice(about.model, found.segment),
        reason=found.reason,
        orders=f"not published; where the warehouse is: make explain CUSTOMER=… RUN_DATE={about.run_date}",
    )


def _measure(scorer: OneScorer, measure: Measure, found: Customer) -> MeasureExplained:
    """The score is found anew from the model: one that only repeats what is stored explains nothing."""
    values = {"recency": found.recency, "frequency": found.frequency, "monetary": found.monetary_cents}
    whole, rule, edges = values[measure], scorer.model.rules.rule(measure), scorer.model.edges.whole(measure)
    in_money = measure == "monetary"
    scored = whole if found.scores else None
    return MeasureExplained(
        measure=measure,
        unit=UNITS[measure],
        value=money(whole) if in_money else whole,
        edges=[edge / 100 for edge in edges] if in_money else edges,
        value_on_edge=rule.value_on_edge,
        score=None if scored is None else scorer.measure_score(measure, scored),
        best=rule.bins,
        because=None if scored is None else _because(scored, edges, rule.value_on_edge, in_money=in_money),
    )


def _because(value: int, edges: Sequence[int], on_edge: Literal["below", "above"], *, in_money: bool) -> str:
    """Between which edges the value lies, in words."""
    passed = [edge for edge in edges if (edge < value if on_edge == "below" else edge <= value)]
    ahead = edges[len(passed) :]
    over, under = ("above", "at most") if on_edge == "below" else ("at least", "below")
    parts = [f"{over} {_spell(passed[-1], in_money)}"] if passed else []
    parts += [f"{under} {_spell(ahead[0], in_money)}"] if ahead else []
    return f"{_spell(value, in_money)} is {' and '.join(parts)}"


def _spell(whole: int, in_money: bool) -> str:
    return f"{whole / 100:,.2f}" if in_money else f"{whole:,}"


def _advice(model: FittedModel | None, name: str | None) -> str | None:
    segments = model.rules.segments if model else ()
    return next((segment.advice for segment in segments if segment.name == name), None)
