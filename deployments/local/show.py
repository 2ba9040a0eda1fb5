"""What `make run` prints: progress with times, the segments, and where to look. Plain lines where no terminal is."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from deployments.local.record import Record
from invoker.models import RunView
from messenger.contract import ORCHESTRATE
from pipelines import find_pipeline

Milestone = tuple[str, datetime]


def milestones(run: RunView) -> list[Milestone]:
    """What has been reached, in order: requested, dispatched, each step of the pipeline, confirmed."""
    steps = {step.step: step for step in run.steps}
    reached = [("requested", run.requested_at)]
    whole = steps.get(ORCHESTRATE)
    if whole is not None and whole.state != "requested":
        reached.append(("dispatched", whole.at))
    done = (steps.get(step.name) for step in find_pipeline(run.pipeline).steps)
    reached += [(news.step, news.at) for news in done if news is not None and news.state == "succeeded"]
    if run.state == "succeeded" and whole is not None:
        reached.append(("confirmed", whole.at))
    return reached


class Progress:
    """Prints each milestone once, with the seconds since the request and since the milestone before."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._reached: list[Milestone] = []

    def show(self, run: RunView) -> None:
        known = {name for name, _ in self._reached}
        for name, at in milestones(run):
            if name not in known:
                start = self._reached[0][1] if self._reached else at
                before = self._reached[-1][1] if self._reached else at
                total, own = (max(0.0, (at - since).total_seconds()) for since in (start, before))
                self._console.print(f"  {name:<12}{total:6.1f} s   (+{own:.1f} s)", highlight=False)
                self._reached.append((name, at))


@contextmanager
def waiting(console: Console, text: str) -> Iterator[None]:
    """A moving sign on a terminal, nothing elsewhere."""
    moving = console.status(text) if console.is_terminal and not console.is_dumb_terminal else nullcontext()
    with moving:
        yield


def read_segments(folder: Path) -> Sequence[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((folder / "segments.json").read_text())["segments"]
    return rows


def segment_table(run_id: str, rows: Sequence[dict[str, Any]]) -> Table:
    """Fits into 80 columns."""
    caption = "Recency (days), frequency and monetary are medians."
    table = Table(title=f"Segments of {run_id}", caption=caption, title_justify="left", caption_justify="left")
    table.box, table.padding = None, (0, 1, 0, 0)
    table.show_edge = table.pad_edge = False
    table.add_column("Segment", no_wrap=True)
    for name in ("Customers", "Share", "Orders", "Revenue", "Recency", "Frequency", "Monetary"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            escape(str(row["segment"])),
            f"{row['customers']:,}",
            f"{row['share']:.1%}",
            f"{row['orders']:,}",
            f"{row['revenue']:,.0f}",
            f"{row['median_recency']:,.0f}",
            f"{row['median_frequency']:,.1f}",
            f"{row['median_monetary']:,.2f}",
        )
    return table


def failed_step(run: RunView) -> str:
    """Which step, why, in one line."""
    for step in run.steps:
        if step.state == "failed" and step.step != ORCHESTRATE and step.error is not None:
            return f"step {step.step}: {step.error.type}: {step.error.message}"
    error = run.error
    return f"{error.type}: {error.message}" if error else "no reason was given"


def places(record: Record, folder: Path, *, stays_up: bool) -> list[str]:
    lines = [f"Files        {folder}", f"Logs         {record.logs}"]
    if stays_up:
        lines += [f"Prefect UI   {record.prefect_ui}", f"Invoker      {record.invoker}/runs"]
    return lines
