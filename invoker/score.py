"""Score: what a customer would be by the model of the newest published run, from three values or from orders."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag
from typing_extensions import TypedDict

from errors import Permanent
from invoker.answers import Scores, scores_view
from messenger.contract import RunDate
from rfm.model import CENT
from rfm.one import OneScorer
from rfm.orders import OrderLine, Values, values_of
from snapshot.read import Snapshot

MOST_ORDERS = 1000
Money = Annotated[
    Decimal,
    Field(ge=-(10**13), le=10**13, allow_inf_nan=False, description="more than two decimals are rounded half up"),
]


class CannotBeScored(Permanent):
    """The values are those of a customer whom a run would not score either; the text says why."""


class Wanted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ByValues(Wanted):
    """The three values as of the run_date."""

    recency: Annotated[int, Field(ge=0, description="days since the last order")]
    frequency: Annotated[int, Field(ge=1, le=2**31 - 1, description="orders")]
    monetary: Money


class OrderIn(Wanted):
    """Lines with the same order_id are one order; a line without one is an order of its own. A blank one is none."""

    order_date: RunDate
    amount: Money
    order_id: Annotated[str | None, Field(max_length=200, pattern=r"\S")] = None


class ByOrders(Wanted):
    """Orders, from which the values are found as a run finds them."""

    orders: Annotated[tuple[OrderIn, ...], Field(min_length=1, max_length=MOST_ORDERS)]
    run_date: Annotated[RunDate | None, Field(description="as of this day; by default that of the model's run")] = None


def _kind(body: Any) -> str:
    with_orders = "orders" in body if isinstance(body, dict) else isinstance(body, ByOrders)
    return "orders" if with_orders else "values"


Asked = Annotated[Annotated[ByValues, Tag("values")] | Annotated[ByOrders, Tag("orders")], Discriminator(_kind)]


class ScoreAnswer(TypedDict):
    """What the customer would be, and by which model. The values are those that were scored."""

    model_id: str
    run_date: date
    recency: int
    frequency: int
    monetary: float
    scores: Scores
    segment: str
    advice: str


def score(snapshot: Snapshot, scorer: OneScorer, asked: ByValues | ByOrders) -> ScoreAnswer:
    """`snapshot` is the newest that has a model, `scorer` its model's. Raises CannotBeScored."""
    about = snapshot.about
    run_date = (asked.run_date if isinstance(asked, ByOrders) else None) or about.run_date
    values = _values(asked, run_date, about.window_days)
    if values.recency is None:
        raise CannotBeScored(
            f"no_positive_order: no order of more than 0 in the {about.window_days} days up to {run_date}"
        )
    if values.recency >= about.window_days:
        raise CannotBeScored(f"recency_out_of_window: orders count for {about.window_days} days")
    found = scorer.score(values.recency, values.frequency, values.monetary_cents)
    return ScoreAnswer(
        model_id=scorer.model.id,
        run_date=run_date,
        recency=values.recency,
        frequency=values.frequency,
        monetary=values.monetary_cents / 100,
        scores=scores_view(found.scores),
        segment=found.segment.name,
        advice=found.segment.advice,
    )


def _values(asked: ByValues | ByOrders, run_date: date, window_days: int) -> Values:
    if isinstance(asked, ByValues):
        return Values(asked.recency, asked.frequency, _cents(asked.monetary))
    lines = [OrderLine(order.order_id, order.order_date, _cents(order.amount)) for order in asked.orders]
    return values_of(lines, run_date, window_days=window_days)


def _cents(amount: Decimal) -> int:
    return int(amount.quantize(CENT, ROUND_HALF_UP) / CENT)
