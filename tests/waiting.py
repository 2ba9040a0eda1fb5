"""Waits for a condition, and fails with what it waited for. No test waits for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE = 0.02
"""Seconds between two looks."""


def until(look: Callable[[], T | None], within: float, what: str) -> T:
    """What `look` gives as soon as it gives something: neither None nor False nor anything empty."""
    give_up = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < give_up, f"waited {within:g} s in vain for {what}"
        time.sleep(PAUSE)
    return found
