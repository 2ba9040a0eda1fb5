"""A consumer for a test: it runs beside it, and must end by itself when the test is done."""

import threading
from contextlib import contextmanager

from messenger.consume import consume
from tests import waiting

SOON = 20.0
"""Seconds: the longest anything here may take; a test that passes does not wait for it."""


@contextmanager
def consuming(messenger, subscription, handle, **options):
    stop = threading.Event()
    thread = threading.Thread(target=consume, args=(messenger, subscription, handle), kwargs={"stop": stop, **options})
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(SOON)
        assert not thread.is_alive(), "the consumer did not end"


def until(condition, what):
    waiting.until(condition, SOON, what)
