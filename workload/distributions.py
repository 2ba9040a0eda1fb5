"""How the customers are spread over the values of each measure: by score, by bars of a histogram, and against a
day before. All of it comes from counts at cuts; one query counts all three measures."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

from reports import data
from reports.drift import MOVED, SHIFTED, level, psi, shares
from reports.words import how_found
from rfm.model import FittedModel
from rfm.ranges import values_of
from rfm.rule_set import MEASURES, Measure
from warehouse.warehouse import Warehouse

UNIT: Mapping[Measure, Decimal] = {"recency": Decimal(1), "frequency": Decimal(1), "monetary": Decimal("0.01")}
EVERYBODY = Decimal("9999999999999999.99")
"""No value is larger: the most that decimal(18, 2) holds."""
SHOWN = {"frequency": 0.97, "monetary": 0.95}
"""The share of the customers that the bars show one by one; the last bar takes the rest, however far out they are."""
BARS = 20
SINGLE_ORDERS = 15
"""Up to here each number of orders has a bar of its own."""
ROUND = [Decimal(step * 10**power) for power in range(14) for step in (1, 2, 5)]
"""1, 2, 5, 10, 20, ...: ends of a scale that people read easily."""

Counts = dict[Decimal, int]
"""By cut, the customers up to and with that value."""
Cuts = dict[Measure, set[Decimal]]


def measure_figures(
    warehouse: Warehouse, run_date: date, model: FittedModel, window_days: int
) -> tuple[data.MeasureFigures, ...]:
    tops = _count(
        warehouse,
        run_date,
        {
            "frequency": {*map(Decimal, range(1, SINGLE_ORDERS + 1)), *ROUND},
            "monetary": set(_below(ROUND, "monetary")),
        },
    )
    bars = {
        "recency": _days(window_days),
        "frequency": _orders(tops["frequency"], model),
        "monetary": _amounts(tops["monetary"], model),
    }
    cuts: Cuts = {one: {*_below(bars[one], one), *edge_cuts(model, one)} for one in MEASURES}
    counts = _count(warehouse, run_date, cuts)
    return tuple(_figures(model, one, counts[one], bars[one]) for one in MEASURES)


def drift(warehouse: Warehouse, run_date: date, model: FittedModel, before: date | None) -> data.Drift | None:
    """Against the day the model was fitted; against the day before when that is this day, or its scores are gone.

    None when there is neither.
    """
    cuts: Cuts = {one: set(edge_cuts(model, one)) for one in MEASURES}
    for since in (model.fitted_on, before):
        if since is None or since == run_date:
            continue
        then = _count(warehouse, since, cuts)
        if then["recency"][EVERYBODY]:
            now = _count(warehouse, run_date, cuts)
            return data.Drift(
                since=since,
                since_fit=since == model.fitted_on,
                moved_from=MOVED,
                shifted_from=SHIFTED,
                measures=tuple(_drift_of(model, one, then[one], now[one]) for one in MEASURES),
            )
    return None


def edge_cuts(model: FittedModel, measure: Measure) -> list[Decimal]:
    """The largest value before each edge, of the growing values; then everybody."""
    above = model.rules.rule(measure).value_on_edge == "above"
    edges: Sequence[Decimal | int] = getattr(model.edges, measure)
    return [*(Decimal(edge) - (UNIT[measure] if above else 0) for edge in edges), EVERYBODY]


def _count(warehouse: Warehouse, run_date: date, cuts: Cuts) -> dict[Measure, Counts]:
    wanted = {measure: sorted({*values, EVERYBODY}) for measure, values in cuts.items()}
    counted = warehouse.counts_up_to(run_date, wanted)
    return {measure: dict(zip(wanted[measure], counted[measure], strict=True)) for measure in wanted}


def _by_score(model: FittedModel, measure: Measure, counts: Counts) -> list[int]:
    """Customers by score, from 1; equal edges have nobody between them."""
    up_to = [0, *(counts[cut] for cut in edge_cuts(model, measure))]
    growing = [right - left for left, right in pairwise(up_to)]
    return growing[::-1] if measure == "recency" else growing


def _figures(model: FittedModel, measure: Measure, counts: Counts, bars: Sequence[Decimal]) -> data.MeasureFigures:
    rule = model.rules.rule(measure)
    return data.MeasureFigures(
        measure=measure,
        edges=tuple(Decimal(edge) for edge in getattr(model.edges, measure)),
        value_on_edge=rule.value_on_edge,
        found_by=how_found(rule),
        scores=tuple(
            _score_range(model, measure, score, customers)
            for score, customers in enumerate(_by_score(model, measure, counts), start=1)
        ),
        histogram=tuple(_histogram(counts, bars, UNIT[measure])),
    )


def _score_range(model: FittedModel, measure: Measure, score: int, customers: int) -> data.ScoreRange:
    values = values_of(model, measure, range(score, score + 1))
    low, high = values or (None, None)
    unit = UNIT[measure]
    return data.ScoreRange(
        score=score,
        possible=values is not None,
        low=None if low is None else low * unit,
        high=None if high is None else high * unit,
        customers=customers,
    )


def _drift_of(model: FittedModel, measure: Measure, then: Counts, now: Counts) -> data.MeasureDrift:
    old, new = _by_score(model, measure, then), _by_score(model, measure, now)
    value = psi(old, new)
    return data.MeasureDrift(measure=measure, psi=value, level=level(value), then=shares(old), now=shares(new))


def _histogram(counts: Counts, bounds: Sequence[Decimal], unit: Decimal) -> Iterable[data.Bar]:
    """Bars between neighbouring bounds; one below and one above them where there are customers."""
    up_to = {bound: counts[bound - unit] for bound in bounds}
    if up_to[bounds[0]]:
        yield data.Bar(low=None, high=bounds[0], customers=up_to[bounds[0]])
    for low, high in pairwise(bounds):
        yield data.Bar(low=low, high=high, customers=up_to[high] - up_to[low])
    if rest := counts[EVERYBODY] - up_to[bounds[-1]]:
        yield data.Bar(low=bounds[-1], high=None, customers=rest)


def _below(bounds: Iterable[Decimal], measure: Measure) -> Iterable[Decimal]:
    return (bound - UNIT[measure] for bound in bounds)


def _days(window_days: int) -> list[Decimal]:
    """The whole window in bars of a month; of a week, or a day, when it is short."""
    width = next((days for days in (30, 7) if window_days >= 8 * days), 1)
    return [Decimal(day) for day in range(0, window_days + width, width)]


def _orders(counts: Counts, model: FittedModel) -> list[Decimal]:
    """At least to two orders beyond the last edge; several numbers of orders to a bar when there are many."""
    top = int(max(_reaching(counts, SHOWN["frequency"]), Decimal(max(model.edges.frequency)) + 2))
    width = -(-top // SINGLE_ORDERS)
    return [Decimal(orders) for orders in range(1, top + width + 1, width)]


def _amounts(counts: Counts, model: FittedModel) -> list[Decimal]:
    """Even bars from 0 to a round amount beyond the last edge."""
    shown = _reaching(counts, SHOWN["monetary"]) + UNIT["monetary"]
    beyond = max(shown, max(model.edges.monetary) * Decimal("1.25"))
    top = ROUND[min(bisect_left(ROUND, beyond), len(ROUND) - 1)]
    return [top * bar / BARS for bar in range(BARS + 1)]


def _reaching(counts: Counts, share: float) -> Decimal:
    """The first cut, of those that were asked for, up to which so many customers are."""
    wanted = share * counts[EVERYBODY]
    *cuts, _ = counts
    return next((cut for cut in cuts if counts[cut] >= wanted), cuts[-1])
