"""Patience: a Messenger that cannot be reached for a while is no reason to give up what was nearly done."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from errors import Retryable
from messenger.messenger import MessengerUnavailable

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds."""
T = TypeVar("T")
log = logging.getLogger(__name__)


def patiently(call: Callable[[], T], *, until: datetime, unavailable: type[Retryable] = MessengerUnavailable) -> T:
    """What the call returns; called again while it raises `unavailable`, at least once and until the moment.

    Raises `unavailable` after that, and at once whatever else the call raises.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return call()
        except unavailable as error:
            if datetime.now(UTC) >= until:
                raise
            log.warning("trying again: %s", error)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
