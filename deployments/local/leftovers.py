"""Ends what a killed stack has left behind.

Every process of a stack carries the stack's folder in its environment and its own name in no list that could
be stale: a crash between starting a process and writing it down hides nothing.
"""

import os
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
    """Ends them, by force those that do not go within `patience` seconds. Returns how many there were."""
    leftovers = find_leftovers(root)
    for process in leftovers:
        _signal(process, force=False)
    _, alive = psutil.wait_procs(leftovers, timeout=patience)
    for process in alive:
        _signal(process, force=True)
    psutil.wait_procs(alive, timeout=patience)
    return len(leftovers)


def _signal(process: psutil.Process, *, force: bool) -> None:
    try:
        process.kill() if force else process.terminate()
    except psutil.NoSuchProcess:
        return
