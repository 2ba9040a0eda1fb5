"""One customer's orders as of a day become the three values, by the rules of dbt/models: for those who are asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class OrderLine:
    """Lines with the same order_id are one order; a line without one is an order of its own."""

    order_id: str | None
    order_date: date
    cents: int


@dataclass(frozen=True, slots=True)
class Values:
    """Days, orders, cents. `recency` is None where nothing was bought in the window."""

    recency: int | None
    frequency: int
    monetary_cents: int


def values_of(lines: Iterable[OrderLine], run_date: date, *, window_days: int) -> Values:
    """Nothing after run_date is seen. An order is dated by its first line and worth its sum; only one that is worth
    more than nothing is a purchase, the others move monetary alone."""
    before_window = run_date - timedelta(days=window_days)
    orders = [order for order in _orders(lines, run_date) if order.order_date > before_window]
    bought = [order.order_date for order in orders if order.cents > 0]
    return Values(
        recency=(run_date - max(bought)).days if bought else None,
        frequency=len(bought),
        monetary_cents=sum(order.cents for order in orders),
    )


def _orders(lines: Iterable[OrderLine], run_date: date) -> list[OrderLine]:
    alone: list[OrderLine] = []
    together: dict[str, OrderLine] = {}
    for line in lines:
        if line.order_date > run_date:
            continue
        if line.order_id is None:
            alone.append(line)
        elif (known := together.get(line.order_id)) is None:
            together[line.order_id] = line
        else:
            first_day = min(known.order_date, line.order_date)
            together[line.order_id] = OrderLine(line.order_id, first_day, known.cents + line.cents)
    return [*alone, *together.values()]
