"""Prints an explanation and an export. Fits into 80 columns; plain lines where no terminal is."""

from decimal import Decimal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rfm.rule_set import Measure
from workload.explain import Explanation, MeasureExplained, Value
from workload.export import Exported

MOST_ORDERS = 20
UNIT: dict[Measure, str] = {"recency": "days", "frequency": "orders", "monetary": "money"}


def show_explanation(customer: str, found: Explanation, console: Console) -> None:
    _say(console, f"Customer {customer} on {found.run_date}, run {found.run_id}")
    _say(console, f"Orders from {found.first_day} to {found.run_date} count:")
    console.print(_orders(found))
    if found.measures:
        console.print(_measures(found))
    if found.reason:
        _say(console, f"Not scored: {found.reason}")
    else:
        scores = "-".join(str(one.score) for one in found.measures)
        _say(console, f"Scores {scores}: {found.segment}   (model {found.model_id})")
    if found.orders_have_changed:
        _say(
            console,
            f"The orders have changed since: they give the values under 'now'. FORCE=1 RUN_DATE={found.run_date} make"
            " run takes them in.",
        )


def _orders(found: Explanation) -> Table:
    table = _table("Order", "Date", "Days before", "Amount", "Counts for")
    for order in found.orders[:MOST_ORDERS]:
        counts = "recency, frequency, monetary" if order.amount > 0 else "monetary only: no purchase"
        days = str((found.run_date - order.order_date).days)
        table.add_row(escape(order.order_id), str(order.order_date), days, f"{order.amount:,.2f}", counts)
    more = len(found.orders) - MOST_ORDERS
    if more > 0:
        total = sum((order.amount for order in found.orders[MOST_ORDERS:]), Decimal(0))
        table.add_row(f"{more} earlier", "", "", f"{total:,.2f}", "")
    return table


def _measures(found: Explanation) -> Table:
    now = ["Now"] if found.orders_have_changed else []
    table = _table("Measure", "Value", *now, "Edges", "On an edge", "Score")
    for one in found.measures:
        score = f"{one.score} of {one.bins}" if one.score is not None else ""
        edges = "  ".join(_number(edge) for edge in one.edges)
        values = [_number(one.value), *([_number(one.value_now)] if now else [])]
        table.add_row(f"{one.measure} ({UNIT[one.measure]})", *values, edges, _side(one), score)
    return table


def _side(one: MeasureExplained) -> str:
    return f"counts as {one.value_on_edge}"


def _number(value: Value) -> str:
    return "none" if value is None else f"{value:,}"


def show_exported(done: Exported, console: Console) -> None:
    since = f"since {done.before}" if done.before else "this is the first scored date, so everybody is new"
    _say(console, f"Run          {done.run_id}")
    _say(console, f"Segments     {done.customers:,} customers")
    _say(console, f"Changes      {done.changed:,} customers, {since}")
    _say(console, f"Files        {done.where}")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, pad_edge=False)
    for name in columns:
        number = name in ("Value", "Now", "Days before", "Amount")
        table.add_column(name, justify="right" if number else "left", overflow="fold")
    return table


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
