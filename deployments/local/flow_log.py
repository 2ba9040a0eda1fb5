"""The output of all flow runs, in a file of their own.

Through the worker's pipe it would break off when the worker is killed, and Prefect's console handler ends a flow run
that cannot write any more: every run under way would die with its worker.
"""

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path

LARGEST = 5_000_000
"""Bytes; one older file of the size is kept beside."""
LOOK_EVERY = 3600.0


def writing_to(log: Path, command: Sequence[str]) -> str:
    """The command as the worker is to execute it: it becomes the command, whose signals and exit code it has."""
    return shlex.join(["/bin/sh", "-c", f"exec {shlex.join(command)} >> {shlex.quote(str(log))} 2>&1"])


def rotate(log: Path) -> None:
    """What is being written goes on into the older file."""
    if log.exists() and log.stat().st_size > LARGEST:
        log.replace(log.with_name(f"{log.name}.1"))


async def keep_small(log: Path) -> None:
    while True:
        rotate(log)
        await asyncio.sleep(LOOK_EVERY)
