"""With the register: the Orchestrator waits for one that is away, such as a locked file or a database that is started
again, for as long as a step may take.
"""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from register.register import Register, RegisterUnavailable
from settings import get_settings
from tasks.patience import patiently
from wiring import open_register

T = TypeVar("T")


def until_there(call: Callable[[], T]) -> T:
    """What the call returns. Raises RegisterUnavailable when that takes longer."""
    until = datetime.now(UTC) + timedelta(seconds=get_settings().orchestrator.step_deadline)
    return patiently(call, until=until, unavailable=RegisterUnavailable)


def with_register(call: Callable[[Register], T]) -> T:
    """What the call returns of a register that is opened for it. Raises RegisterUnavailable."""

    def once() -> T:
        with closing(open_register()) as register:
            return call(register)

    return until_there(once)
