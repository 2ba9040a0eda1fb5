"""`make status`: what runs, for how long, with how much memory, and where."""

import time
from collections.abc import Mapping
from typing import Any

import psutil
from rich.table import Table

from deployments.local.layout import Layout
from deployments.local.record import read_record
from deployments.local.supervise import part_states


def status_table(layout: Layout) -> Table | None:
    """One line for each part; None when the stack is down."""
    record = read_record(layout.record)
    if record is None:
        return None
    addresses = {"prefect-server": record.prefect_ui, "invoker": record.invoker}
    table = Table(caption=f"Logs: {layout.logs}", caption_justify="left")
    for name in ("Part", "State", "Process", "Up", "Memory", "Address"):
        table.add_column(name, justify="right" if name in ("Process", "Up", "Memory") else "left", no_wrap=True)
    for state in sorted(part_states(layout), key=lambda state: str(state["name"])):
        table.add_row(*_cells(state), addresses.get(state["name"], ""))
    return table


def _cells(state: Mapping[str, Any]) -> tuple[str, ...]:
    if not state["pid"]:
        return state["name"], state["statename"].lower(), "", "", ""
    seconds = max(0, round(time.time() - state["start"]))
    up = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return state["name"], "running", str(state["pid"]), up, f"{memory_of(state['pid']) / 2**20:.0f} MB"


def memory_of(pid: int) -> int:
    """Bytes of the process and its children, shared pages counted once where the system tells."""
    try:
        process = psutil.Process(pid)
        return sum(_own_memory(one) for one in [process, *process.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


def _own_memory(process: psutil.Process) -> int:
    try:
        full = process.memory_full_info()
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return 0
    return int(getattr(full, "pss", full.rss))
