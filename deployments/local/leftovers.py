"""Ends what a killed stack has left behind.

Every process of a stack carries the stack's folder in its environment. There is no list of them that could be
stale: a crash between starting a process and writing it down hides nothing.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import psutil

from deployments.local.environment import MARK


def find_leftovers(root: Path) -> list[psutil.Process]:
    """The processes of the stack in this folder; this process is not one of them."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == str(root):
                found.append(process)
        except psutil.Error:
            continue
    return found


def end_leftovers(root: Path, patience: float = 5) -> int:
    """Returns how many there were."""
    leftovers = find_leftovers(root)
    end_processes(leftovers, patience)
    return len(leftovers)


def end_processes(processes: Sequence[psutil.Process], patience: float) -> None:
    """Asks each to end, and ends by force those that do not go within `patience` seconds."""
    for process in processes:
        _signal(process, force=False)
    _, alive = psutil.wait_procs(processes, timeout=patience)
    for process in alive:
        _signal(process, force=True)
    psutil.wait_procs(alive, timeout=patience)


def _signal(process: psutil.Process, *, force: bool) -> None:
    try:
        process.kill() if force else process.terminate()
    except psutil.NoSuchProcess:
        return
