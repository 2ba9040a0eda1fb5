"""Listen: a subscription of the run's own, made before anything is asked for, so that no status is missed."""

import logging
from contextlib import closing
from datetime import datetime, timedelta

from messenger.messenger import STANDING, STATUSES, Messenger, MessengerUnavailable
from tasks.patience import patiently
from wiring import open_messenger

LISTENING_EXPIRES = timedelta(days=1)
"""A waiter that never came back leaves its subscription; the messenger removes it after so long."""


WAITER = "statuses-"
log = logging.getLogger(__name__)


def waiter_of(run_id: str) -> str:
    """The name of the run's own subscription to statuses."""
    return f"{WAITER}{run_id}"


def run_of(waiter: str) -> str | None:
    """The run whose subscription has this name; None for a subscription that is no run's."""
    return None if waiter in STANDING or not waiter.startswith(WAITER) else waiter.removeprefix(WAITER)


def listen(messenger: Messenger, run_id: str) -> None:
    """A flow run that takes a run up again finds the subscription, and what came meanwhile."""
    messenger.subscribe(waiter_of(run_id), STATUSES, run_id=run_id, expires_after=LISTENING_EXPIRES)


def start_listening(run_id: str, *, until: datetime) -> None:
    """Raises MessengerUnavailable after the moment."""

    def start() -> None:
        with closing(open_messenger()) as messenger:
            listen(messenger, run_id)

    patiently(start, until=until)


def stop_listening(run_id: str) -> None:
    """A subscription that cannot be removed now is left to expire."""
    try:
        with closing(open_messenger()) as messenger:
            messenger.unsubscribe(waiter_of(run_id))
    except MessengerUnavailable as error:
        log.warning("the subscription of run %s is left to expire: %s", run_id, error)
