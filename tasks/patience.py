"""Patience: a Messenger or a register that is away for a while is no reason to give up what was nearly done."""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from messenger.messenger import MessengerUnavailable
from register.register import Register, RegisterUnavailable
from settings import get_settings
from wiring import open_register

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds."""
T = TypeVar("T")
log = logging.getLogger(__name__)


def patiently(call: Callable[[], T], *, until: datetime) -> T:
    """What the call returns; called again while Messenger or register is away, at least once and until the moment.

    Raises MessengerUnavailable or RegisterUnavailable after that, and at once whatever else the call raises.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return call()
        except (MessengerUnavailable, RegisterUnavailable) as error:
            if datetime.now(UTC) >= until:
                raise
            log.warning("trying again: %s", error)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def long_enough() -> datetime:
    """A register that is away for longer than a step may take is not waited for."""
    return datetime.now(UTC) + timedelta(seconds=get_settings().orchestrator.step_deadline)


def with_register(call: Callable[[Register], T]) -> T:
    """What the call returns of a register that is opened for it. Raises RegisterUnavailable after `long_enough`."""

    def once() -> T:
        with closing(open_register()) as register:
            return call(register)

    return patiently(once, until=long_enough())
