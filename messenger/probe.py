"""A message that only finds out whether messages arrive. Whoever else hears it acknowledges it and does nothing."""

import time
from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

from errors import Retryable
from messenger.messenger import STATUSES, Delivery, Messenger

KIND = "Probe"
EXPIRES = timedelta(days=1)
PULL_LIMIT = 10


class ProbeLost(Retryable):
    """What was published did not arrive in time."""


def is_probe(attributes: Mapping[str, str]) -> bool:
    return attributes.get("type") == KIND


def round_trip(messenger: Messenger, *, within: float) -> float:
    """Seconds from publishing a message until it was heard on a subscription of its own.

    Raises ProbeLost after `within` seconds, MessengerUnavailable.
    """
    name = f"probe-{uuid4().hex[:12]}"
    messenger.subscribe(name, STATUSES, run_id=name, expires_after=EXPIRES)
    try:
        sent = time.monotonic()
        messenger.publish(STATUSES, b"{}", {"type": KIND, "run_id": name})
        while (left := sent + within - time.monotonic()) > 0:
            heard = messenger.pull(name, limit=PULL_LIMIT, wait=left)
            messenger.ack(*heard)
            if any(_is_ours(delivery, name) for delivery in heard):
                return time.monotonic() - sent
    finally:
        messenger.unsubscribe(name)
    raise ProbeLost(f"a message to {STATUSES} was not heard within {within:g} s")


def _is_ours(delivery: Delivery, name: str) -> bool:
    """Where the broker ignores filters everybody's messages arrive."""
    return is_probe(delivery.attributes) and delivery.attributes["run_id"] == name
