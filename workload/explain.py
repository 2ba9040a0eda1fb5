"""Explain: why one customer has these scores on a run_date, from the orders to the segment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from errors import Permanent
from rfm.model import FittedModel
from rfm.one import OneScorer
from rfm.rule_set import MEASURES, Measure
from warehouse.warehouse import CustomerRow, LedgerRow, Order, Warehouse
from workload.models import model_of, window_of
from workload.score import SCORING_STEP

Value = int | Decimal | None


class NothingToExplain(Permanent):
    """There is no such run_date, or the customer has no row on it; the text says which of both."""


@dataclass(frozen=True, slots=True)
class MeasureExplained:
    """`edges` in growing order; `value_on_edge` says to which side a value belongs that equals one.

    `value` is the one that was scored, `value_now` what the orders give now. A rejected customer has no score.
    """

    measure: Measure
    value: Value
    value_now: Value
    edges: tuple[int | Decimal, ...]
    value_on_edge: str
    score: int | None
    bins: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """`orders` are those in the window by the orders file as it is now, the latest first.

    `reason` is why the customer was rejected; then there is no segment. On a day on which nobody could be scored
    there is no model, and so no measures.
    """

    run_id: str
    run_date: date
    first_day: date
    orders: Sequence[Order]
    measures: Sequence[MeasureExplained]
    model_id: str | None
    segment: str | None
    reason: str | None

    @property
    def orders_have_changed(self) -> bool:
        """The orders give other values now than those that were scored; a rerun of the date would take them in."""
        return any(one.value != one.value_now for one in self.measures)


def explain(warehouse: Warehouse, customer_id: str, run_date: date) -> Explanation:
    """Raises NothingToExplain, TooOld, and what the warehouse raises."""
    row, ledger = _find(warehouse, customer_id, run_date)
    window_days = window_of(ledger)
    orders = warehouse.orders_of(customer_id, run_date, window_days=window_days)
    model = model_of(warehouse, ledger)
    return Explanation(
        run_id=row.run_id,
        run_date=run_date,
        first_day=run_date - timedelta(days=window_days - 1),
        orders=orders,
        measures=_measures(row, orders, run_date, model) if model else [],
        model_id=str(ledger.facts["model_id"]) if model else None,
        segment=row.segment,
        reason=row.reason,
    )


def _find(warehouse: Warehouse, customer_id: str, run_date: date) -> tuple[CustomerRow, LedgerRow]:
    days = {row.run_date: row for row in warehouse.scored_days()}
    if run_date not in days:
        known = f"the last is {max(days)}" if days else "there is none yet"
        raise NothingToExplain(f"{run_date} has not been scored; of the days that were, {known}")
    row = warehouse.customer_row(customer_id, run_date)
    if row is None:
        raise NothingToExplain(
            f"no such customer has a row on {run_date}: the id is another, or no order of theirs is in the window"
        )
    return row, warehouse.ledger_row(row.run_id, SCORING_STEP) or days[run_date]


def _measures(row: CustomerRow, orders: Sequence[Order], run_date: date, model: FittedModel) -> list[MeasureExplained]:
    bought = [order.order_date for order in orders if order.amount > 0]
    values: dict[Measure, tuple[Value, Value]] = {
        "recency": (row.recency, (run_date - max(bought)).days if bought else None),
        "frequency": (row.frequency, len(bought)),
        "monetary": (row.monetary, sum((order.amount for order in orders), Decimal(0))),
    }
    return [_measure(model, measure, *values[measure], scored=row.reason is None) for measure in MEASURES]


def _measure(model: FittedModel, measure: Measure, value: Value, value_now: Value, *, scored: bool) -> MeasureExplained:
    rule = model.rules.rule(measure)
    edges: tuple[int | Decimal, ...] = getattr(model.edges, measure)
    return MeasureExplained(
        measure=measure,
        value=value,
        value_now=value_now,
        edges=edges,
        value_on_edge=rule.value_on_edge,
        score=_score(model, measure, value) if scored and value is not None else None,
        bins=rule.bins,
    )


def _score(model: FittedModel, measure: Measure, value: int | Decimal) -> int:
    """Found anew from the stored model: an explanation that only repeats the stored score explains nothing."""
    whole = int(value * 100) if measure == "monetary" else int(value)
    return OneScorer(model).measure_score(measure, whole)
