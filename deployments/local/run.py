"""`make run`: the orders, the stack, one run asked for as a user would, its progress and its result."""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from rich.console import Console

from deployments.local.ask import FINAL, Refused, ask, follow, follow_afterwards, settle
from deployments.local.orders import find_orders, last_order_date
from deployments.local.record import Record
from deployments.local.show import Progress, failed_step, places, read_segments, segment_table, waiting
from deployments.local.stack import in_use
from errors import Permanent
from invoker.models import RunView
from messenger.contract import parse_run_date
from settings import Settings
from workload.source import SourceFile


class Abandoned(Permanent):
    """Nobody waits for the result any more, or the stack was taken away."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for. An empty run_date means the last order date."""

    run_date: str
    force: bool


def run(settings: Settings, wish: Wish, console: Console) -> bool:
    """Whether the run was confirmed. Every process that was started is ended. Raises Permanent and Retryable."""
    _check_date(wish.run_date)
    orders = find_orders(settings)
    today = datetime.now(settings.business_zone).date()
    run_date = wish.run_date or last_order_date(settings.source, orders, today).isoformat()
    _say(console, f"Orders       {orders.path if isinstance(orders, SourceFile) else orders}")
    with ExitStack() as held:
        with waiting(console, "Starting the stack"):
            record, ours = held.enter_context(in_use(settings, partial(_say, console)))
        _say(console, f"Prefect UI   {record.prefect_ui}" + (" (until the run is done)" if ours else ""))
        final = _ask_and_follow(record, run_date, console, force=wish.force)
        confirmed = _show_result(settings, record, final, console, stays_up=not ours)
        if confirmed:
            final = _show_afterwards(settings, record, final, console)
        if ours:
            settle(record.prefect_api, final)
        return confirmed


def _check_date(text: str) -> None:
    """The invoker would refuse it too, after the stack has been started for nothing."""
    if text:
        try:
            parse_run_date(text)
        except ValueError as wrong:
            raise Refused(f"RUN_DATE={text!r}: {wrong}") from None


def _ask_and_follow(record: Record, run_date: str, console: Console, *, force: bool) -> RunView:
    parent = os.getppid()
    answer, new = ask(record.invoker, run_date, force=force)
    _say(console, f"Run          {answer.run_id}" + ("" if new else " (asked for before; FORCE=1 makes a new attempt)"))

    def check() -> None:
        if os.getppid() != parent:
            raise Abandoned(f"the command that waited for run {answer.run_id} has ended")
        if record.supervisor.find() is None:
            raise Abandoned(f"the stack was ended while run {answer.run_id} was under way")

    progress, under_way = Progress(console), new
    with waiting(console, f"Run {answer.run_id}"):
        for view in follow(record.invoker, answer.run_id, check):
            under_way = under_way or view.state not in FINAL
            if under_way:
                progress.show(view)
            if view.continued_by is not None:
                _say(console, f"Goes on as   {view.continued_by} ({failed_step(view)})")
                progress = Progress(console)
    return view


def _show_result(settings: Settings, record: Record, final: RunView, console: Console, *, stays_up: bool) -> bool:
    if final.state != "succeeded":
        _say(console, f"Failed: run {final.run_id}, {failed_step(final)}\nLogs         {record.logs}", style="red")
        return False
    folder = settings.published.path / final.pipeline / final.run_date.isoformat()
    console.print(segment_table(final.run_id, read_segments(folder)))
    for line in places(record, folder, stays_up=stays_up):
        _say(console, line)
    return True


def _show_afterwards(settings: Settings, record: Record, final: RunView, console: Console) -> RunView:
    """The report is made after the run; it is waited for here, because the stack may end with this command."""
    with waiting(console, "Making the report"):
        followed = follow_afterwards(record.invoker, final)
    page = settings.published.path / final.pipeline / final.run_date.isoformat() / "report.html"
    if page.exists():
        _say(console, f"Report       {page}")
    else:
        _say(console, f"Report       was not made; make report makes it anew. Logs: {record.logs}", style="red")
    return followed


def _say(console: Console, text: str, style: str | None = None) -> None:
    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)
