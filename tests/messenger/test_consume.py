"""Moments that the suite for every adapter cannot time."""

import logging
from threading import Event

from errors import Permanent
from messenger.consume import consume
from messenger.messenger import Delivery

DELIVERIES = [
    Delivery(f"id-{number}", b"body", {"run_id": "r"}, 1, "requests-invoker", str(number)) for number in (1, 2)
]


class Stub:
    """Delivers once, and notes what becomes of it."""

    def __init__(self, on_pull=lambda: None, ack=lambda: None):
        self.settled = []
        self._deliveries = list(DELIVERIES)
        self._on_pull, self._ack = on_pull, ack

    def pull(self, subscription, *, limit, wait):
        self._on_pull()
        deliveries, self._deliveries = self._deliveries, []
        return deliveries

    def ack(self, *deliveries):
        self.settled += [("ack", one.message_id) for one in deliveries]
        self._ack()

    def nack(self, delivery, *, delay=0, reason=""):
        self.settled.append(("nack", delivery.message_id))

    def extend(self, delivery, seconds):
        pass


def test_what_arrives_while_stopping_is_given_back_and_not_begun():
    stop, handled = Event(), []
    messenger = Stub(on_pull=stop.set)

    consume(messenger, "requests-invoker", handled.append, stop=stop)

    assert handled == []
    assert messenger.settled == [("nack", "id-1"), ("nack", "id-2")]


def test_an_acknowledgement_that_is_refused_is_logged_and_the_next_goes_out(caplog):
    stop, answers = Event(), iter([Permanent("refused")])

    def ack():
        if (error := next(answers, None)) is not None:
            raise error

    messenger = Stub(ack=ack)

    def handle(delivery):
        if delivery.message_id == "id-2":
            stop.set()

    with caplog.at_level(logging.WARNING):
        consume(messenger, "requests-invoker", handle, stop=stop, threads=1)

    assert {message_id for _, message_id in messenger.settled} == {"id-1", "id-2"}
    assert "will come again: refused" in caplog.text
