"""`make recompute`: lists the scored dates that late or corrected orders touch, and asks for new attempts of them."""

from rich.console import Console

from deployments.local.ask import ask
from deployments.local.layout import Layout
from deployments.local.record import read_record
from errors import Permanent
from settings import Settings
from warehouse.warehouse import Warehouse
from workload.recompute import orders_replaced_at, touched_dates


class StackDown(Permanent):
    """There is no invoker to ask; nothing was started."""


def recompute(settings: Settings, warehouse: Warehouse, console: Console, *, run: bool) -> None:
    """With `run`, each date is asked for through the invoker like any other run. Raises StackDown, Refused."""
    touched = touched_dates(warehouse, orders_replaced_at(settings))
    dates = sorted([one.run_date for one in touched.changed] + list(touched.too_old))
    if not dates:
        _say(console, "Every scored date is as the orders give it.")
        return
    for one in touched.changed:
        _say(console, f"{one.run_date}   {one.changed:,} of {one.customers:,} customers would have other values")
    for day in touched.too_old:
        _say(console, f"{day}   scored by an older version, which did not keep its window: to be asked for anew")
    if run:
        for day in dates:
            answer, _ = ask(_invoker(settings), day.isoformat(), force=True)
            _say(console, f"asked for {answer.run_id}")
        return
    _say(console, "RUN=1 make recompute asks the running stack for all of them (make up); one by one:")
    for day in dates:
        _say(console, f"  FORCE=1 RUN_DATE={day} make run")


def _invoker(settings: Settings) -> str:
    record = read_record(Layout(settings.stack.path).record)
    if record is None:
        raise StackDown("the stack is down; start it with make up, or rerun the dates one by one with make run")
    return record.invoker


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
