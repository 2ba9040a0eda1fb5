"""What the suites ask of a messenger: the next message, so many of them, none, a dead letter."""

import time

from messenger.messenger import INVOKER_REQUESTS
from tests.waiting import until

ATTRIBUTES = {"version": "1", "type": "RunRequest", "run_id": "rfm-2026-01-05-1", "note": "ä ö ü"}
SOON = 10.0
"""Seconds: the longest any message may take; a test that passes does not wait for it."""


def pull_one(messenger, subscription=INVOKER_REQUESTS, wait=SOON):
    deliveries = messenger.pull(subscription, limit=1, wait=wait)
    assert deliveries, f"nothing came on {subscription} within {wait} s"
    return deliveries[0]


def pull_all(messenger, count, subscription=INVOKER_REQUESTS):
    """Pulls until `count` came; a pull may return fewer than there are."""
    deliveries = []
    give_up = time.monotonic() + SOON
    while len(deliveries) < count and time.monotonic() < give_up:
        deliveries += messenger.pull(subscription, limit=count - len(deliveries), wait=1)
    assert len(deliveries) == count
    return deliveries


def dead_letter(messenger):
    return until(messenger.dead_letters, SOON, "a dead letter")[0]
