"""The figures of a report: counted in the warehouse, put together here. No row of a customer is ever read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import settings
from errors import Permanent
from reports import data
from reports.words import rule_in_words, scores_in_words
from rfm.model import FittedModel
from rfm.rule_set import MEASURES
from warehouse.warehouse import LedgerRow, ScoreCell, SegmentMove, SegmentSummary, SegmentTotals, Warehouse
from workload.distributions import drift, measure_figures
from workload.guards import REJECTED
from workload.models import model_of, window_of
from workload.score import FEATURES_STEP, SCORING_STEP

STRONGEST = 2
"""So many segments are called the best: those with the most revenue."""
NOTHING = Decimal(0)


class NothingToReport(Permanent):
    """The run has committed no scores, or another run has replaced them."""


@dataclass(frozen=True, slots=True)
class Looks:
    """`currency` stands beside money; the trend has so many `days` at the most."""

    currency: str = ""
    days: int = 12


def looks_of(chosen: settings.Report) -> Looks:
    return Looks(currency=chosen.currency, days=chosen.days)


def report_of(warehouse: Warehouse, run_id: str, looks: Looks) -> data.Report:
    """Each figure is a query of its own, and the warehouse is free between them. That all are of the same run is
    checked last: rows that were replaced never come back.

    Raises NothingToReport, TooOld, and what the warehouse raises.
    """
    scored = warehouse.ledger_row(run_id, SCORING_STEP)
    if scored is None:
        raise NothingToReport(f"run {run_id} has committed no scores; there is nothing to report")
    run_date, model = scored.run_date, model_of(warehouse, scored)
    days = comparable_days(warehouse.scored_days(), scored, looks.days)
    before = days[-2] if len(days) > 1 else None
    totals = warehouse.segment_totals(days)
    summary = {one.segment: one for one in warehouse.segment_summary(run_date)}
    report = data.Report(
        currency=looks.currency,
        headline=headline(summary, totals, before),
        segments=tuple(_segments(model, summary, totals, before)) if model else (),
        cells=tuple(_cells(model, warehouse.score_cells(run_date))) if model else (),
        measures=measure_figures(warehouse, run_date, model, window_of(scored)) if model else (),
        drift=drift(warehouse, run_date, model, before) if model else None,
        moves=_moves(warehouse.segment_moves(run_date, before)) if before else (),
        trend=tuple(_day(one) for one in totals),
        quality=_quality(warehouse.ledger_row(features_run(scored), FEATURES_STEP), scored),
        provenance=_provenance(scored, model),
    )
    if warehouse.score_totals(run_date, run_id).foreign_rows:
        raise NothingToReport(f"run {run_id}: another run has replaced the scores of {run_date}")
    return report


def comparable_days(scored: Sequence[LedgerRow], last: LedgerRow, most: int) -> list[date]:
    """Days with scores up to this one, the oldest first, back to the first gap that no order can bridge.

    So one's own orders are not held against the demo's of 1998.
    """
    days = [last.run_date]
    window = timedelta(days=window_of(last))
    for row in reversed(scored):
        if row.run_date < days[0] and row.facts["scored"]:
            if days[0] - row.run_date >= window or len(days) == most:
                break
            days.insert(0, row.run_date)
    return days


def headline(
    summary: Mapping[str, SegmentSummary], totals: Sequence[SegmentTotals], before: date | None
) -> data.Headline:
    best = sorted(summary.values(), key=lambda one: one.revenue, reverse=True)[:STRONGEST]
    names = tuple(one.segment for one in best)
    customers = sum(one.customers for one in summary.values())
    revenue = sum((one.revenue for one in summary.values()), NOTHING)
    return data.Headline(
        customers=customers,
        orders=sum(one.orders for one in summary.values()),
        revenue=revenue,
        best=names,
        best_customer_share=sum(one.share for one in best),
        best_revenue_share=_part(sum((one.revenue for one in best), NOTHING), revenue),
        previous=_previous([one for one in totals if one.run_date == before], names, before) if before else None,
    )


def _previous(totals: Sequence[SegmentTotals], best: Sequence[str], run_date: date) -> data.Previous:
    revenue = sum((one.revenue for one in totals), NOTHING)
    of_best = sum((one.revenue for one in totals if one.segment in best), NOTHING)
    return data.Previous(
        run_date=run_date,
        customers=sum(one.customers for one in totals),
        revenue=revenue,
        best_revenue_share=_part(of_best, revenue),
    )


def _part(part: Decimal, whole: Decimal) -> float:
    """A share of revenue; refunds can leave nothing to share."""
    return float(part / whole) if whole > 0 else 0.0


def _segments(
    model: FittedModel, summary: Mapping[str, SegmentSummary], totals: Sequence[SegmentTotals], before: date | None
) -> list[data.Segment]:
    """All of the rule set, in its order, also those that have no customers."""
    then = {one.segment: one.customers for one in totals if one.run_date == before}
    revenue = sum((one.revenue for one in summary.values()), NOTHING)
    found = []
    for segment in model.rules.segments:
        now = summary.get(segment.name)
        found.append(
            data.Segment(
                name=segment.name,
                colour=segment.colour,
                advice=segment.advice,
                rule=rule_in_words(model, segment),
                scores=scores_in_words(segment),
                customers=now.customers if now else 0,
                customers_before=then.get(segment.name, 0) if before else None,
                share=now.share if now else 0.0,
                orders=now.orders if now else 0,
                revenue=now.revenue if now else NOTHING,
                revenue_share=_part(now.revenue, revenue) if now else 0.0,
                median_recency=now.median_recency if now else None,
                median_frequency=now.median_frequency if now else None,
                median_monetary=now.median_monetary if now else None,
            )
        )
    return found


def _cells(model: FittedModel, counted: Sequence[ScoreCell]) -> list[data.Cell]:
    """Every pair of scores, also those that nobody has."""
    found = {(one.r_score, one.f_score): one for one in counted}
    owners: dict[tuple[int, int], list[str]] = {}
    for segment in model.rules.segments:
        for cell in segment.cells:
            recencies, frequencies = (model.rules.score_range(cell, measure) for measure in MEASURES[:2])
            for pair in ((r, f) for r in recencies for f in frequencies):
                owners.setdefault(pair, []).append(segment.name)
    cells = []
    for (r, f), names in sorted(owners.items()):
        one = found.get((r, f))
        cells.append(
            data.Cell(
                recency=r,
                frequency=f,
                segments=tuple(dict.fromkeys(names)),
                customers=one.customers if one else 0,
                revenue=one.revenue if one else NOTHING,
                median_monetary=one.median_monetary if one else None,
            )
        )
    return cells


def _moves(counted: Sequence[SegmentMove]) -> tuple[data.Move, ...]:
    return tuple(data.Move(before=one.before, now=one.now, customers=one.customers) for one in counted)


def _day(one: SegmentTotals) -> data.DayTotals:
    return data.DayTotals(run_date=one.run_date, segment=one.segment, customers=one.customers, revenue=one.revenue)


def _quality(features: LedgerRow | None, scored: LedgerRow) -> data.Quality:
    taken = features.facts if features else {}
    return data.Quality(
        lines_in=_whole(taken.get("rows_in")),
        lines_accepted=_whole(taken.get("lines_accepted")),
        lines_rejected=_reasons(features),
        customers_in=_whole(scored.facts["rows_in"]) or 0,
        scored=_whole(scored.facts["scored"]) or 0,
        customers_rejected=_reasons(scored),
        warnings=str(scored.facts.get("warnings", "")),
    )


def features_run(scored: LedgerRow) -> str:
    """The run whose features were scored: this one, or an earlier attempt that it builds on."""
    return str(scored.facts.get("features_run") or scored.run_id)


def _reasons(row: LedgerRow | None) -> dict[str, int]:
    facts = row.facts.items() if row else ()
    return {name.removeprefix(REJECTED): int(str(count)) for name, count in facts if name.startswith(REJECTED)}


def _whole(fact: object) -> int | None:
    return None if fact is None else int(str(fact))


def _provenance(scored: LedgerRow, model: FittedModel | None) -> data.Provenance:
    window_days = window_of(scored)
    return data.Provenance(
        run_id=scored.run_id,
        pipeline=scored.pipeline,
        run_date=scored.run_date,
        attempt=scored.attempt,
        first_day=scored.run_date - timedelta(days=window_days - 1),
        window_days=window_days,
        rules=str(scored.facts["rules"]),
        rules_description=model.rules.description if model else "",
        model_id=model.id if model else None,
        fitted_on=model.fitted_on if model else None,
        fitted_customers=model.customers if model else None,
        code_version=str(scored.facts.get("code_version") or "unknown"),
        committed_at=scored.committed_at,
    )
