"""python -m deployments.backfill: what `make backfill` calls.

FROM, TO, STEP, FORCE and STOP come from the environment, where make puts them.
"""

import json
import os
import signal
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

import httpx
from rich.console import Console
from rich.table import Table

from deployments.backfill.ask import artifact, follow, start
from deployments.local.show import waiting
from deployments.local.stack import in_use
from errors import Permanent, Retryable
from messenger.contract import parse_run_date
from settings import get_settings

USAGE = "usage: make backfill FROM=1998-01-01 TO=1998-06-30 [STEP=day|week|month] [FORCE=1] [STOP=1]"
PROGRESS, SUMMARY = "backfill-progress", "backfill"
"""Keys of the flow's artifacts (tasks/backfill.py)."""


class Unclear(Permanent):
    """The command lacks something, or what it was given cannot be read."""


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        return 0 if backfill(parameters_of(os.environ), Console(soft_wrap=True, highlight=False)) else 1
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on where it was.", file=sys.stderr)
        return 128 + signal.SIGINT
    except Unclear as unclear:
        print(f"{unclear}\n{USAGE}", file=sys.stderr)
        return 2
    except (Permanent, Retryable, httpx.HTTPError) as failed:
        print(f"Failed: {failed}", file=sys.stderr)
        return 1


def parameters_of(given: Mapping[str, str]) -> dict[str, Any]:
    """The flow's parameters, complete, so that the same command can be known again. Raises Unclear."""
    try:
        first, last = (parse_run_date(given.get(name, "")).isoformat() for name in ("FROM", "TO"))
    except ValueError as wrong:
        raise Unclear(f"FROM and TO: {wrong}") from None
    step = given.get("STEP") or "day"
    if last < first or step not in ("day", "week", "month"):
        raise Unclear(f"FROM={first} TO={last} STEP={step} are no dates to go through")
    flags = {name: given.get(variable, "") not in ("", "0") for name, variable in FLAGS.items()}
    return {"first": first, "last": last, "step": step, "pipeline": "rfm", **flags}


FLAGS = {"force": "FORCE", "stop_on_failure": "STOP"}


def backfill(parameters: dict[str, Any], console: Console) -> bool:
    """Whether every date is confirmed. Starts the stack when it is not up, and ends what it started."""
    with (
        in_use(get_settings(), partial(console.print, markup=False)) as (record, ours),
        httpx.Client(base_url=record.prefect_api, timeout=30) as client,
    ):
        flow_run, done = start(client, parameters, fresh=ours)
        console.print(f"Backfill     {flow_run['name']}: {done}", markup=False)
        console.print(f"Prefect UI   {record.prefect_ui}/runs/flow-run/{flow_run['id']}", markup=False)
        state = _show_progress(client, flow_run["id"], console)
        _show_summary(client, flow_run["id"], console)
    if state != "COMPLETED":
        console.print(f"The backfill ended as {state.lower()}; the same command goes on where it was.", markup=False)
    return state == "COMPLETED"


def _show_progress(client: httpx.Client, flow_run_id: str, console: Console) -> str:
    shown, state = "", ""
    with waiting(console, "Backfill"):
        for flow_run in follow(client, flow_run_id):
            state = flow_run["state_type"]
            progress = artifact(client, flow_run_id, PROGRESS)
            if progress and progress["description"] != shown:
                shown = progress["description"]
                console.print(f"  {shown}", markup=False)
    return state


def _show_summary(client: httpx.Client, flow_run_id: str, console: Console) -> None:
    summary = artifact(client, flow_run_id, SUMMARY)
    if summary is None:
        return
    rows: list[dict[str, Any]] = json.loads(summary["data"])
    table = Table(caption=summary["description"], caption_justify="left")
    for name in rows[0]:
        table.add_column(name, justify="right" if name == "seconds" else "left", overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console.print(table)


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
