"""Moments that the suite for every adapter cannot time."""

import logging
from threading import Event

import pytest

from errors import Permanent, Retryable
from messenger.consume import consume
from messenger.messenger import Delivery
from tests.consuming import SOON

DELIVERIES = [
    Delivery(f"id-{number}", b"body", {"run_id": "r"}, 1, "requests-invoker", str(number)) for number in (1, 2)
]


class Stub:
    """Delivers once, and notes what becomes of it."""

    def __init__(self, on_pull=lambda: None, ack=lambda: None, extend=lambda: None):
        self.settled = []
        self._deliveries = list(DELIVERIES)
        self._on_pull, self._ack, self._extend = on_pull, ack, extend

    def pull(self, subscription, *, limit, wait):
        self._on_pull()
        deliveries, self._deliveries = self._deliveries, []
        return deliveries

    def ack(self, *deliveries):
        self.settled += [("ack", one.message_id) for one in deliveries]
        self._ack()

    def give_back(self, *deliveries):
        self.settled += [("given back", one.message_id) for one in deliveries]

    def extend(self, delivery, seconds):
        self._extend()


def refusing_once(then=lambda: None):
    answers = iter([Permanent("refused")])

    def answer():
        if (error := next(answers, None)) is not None:
            raise error
        then()

    return answer


def test_what_arrives_while_stopping_is_given_back_and_not_begun():
    stop, handled = Event(), []
    messenger = Stub(on_pull=stop.set)

    consume(messenger, "requests-invoker", handled.append, stop=stop)

    assert handled == []
    assert messenger.settled == [("given back", "id-1"), ("given back", "id-2")]


def test_an_acknowledgement_that_is_refused_is_logged_and_the_next_goes_out(caplog):
    stop = Event()
    messenger = Stub(ack=refusing_once())

    def handle(delivery):
        if delivery.message_id == "id-2":
            stop.set()

    with caplog.at_level(logging.WARNING):
        consume(messenger, "requests-invoker", handle, stop=stop, threads=1)

    assert {message_id for _, message_id in messenger.settled} == {"id-1", "id-2"}
    assert "will come again: refused" in caplog.text


def test_a_pull_that_is_refused_is_not_the_last(caplog, monkeypatch):
    """As when what was pulled before holds a message that cannot even be buried."""
    monkeypatch.setattr("messenger.consume.growing", lambda count, longest: 0.0)
    stop = Event()
    messenger = Stub(on_pull=refusing_once())

    with caplog.at_level(logging.WARNING):
        consume(messenger, "requests-invoker", lambda _: stop.set(), stop=stop, threads=1)

    assert ("ack", "id-1") in messenger.settled
    assert "trying again: refused" in caplog.text


def test_leases_are_kept_after_one_could_not_be():
    stop, kept = Event(), Event()
    held = []

    def handle(_):
        held.append(kept.wait(SOON))
        stop.set()

    consume(Stub(extend=refusing_once(kept.set)), "requests-invoker", handle, stop=stop, threads=1, lease=0.03)

    assert held[0]


def test_what_waits_for_another_try_is_given_back_also_when_the_loop_breaks():
    pulls = iter([lambda: None, lambda: 1 // 0])

    def refuse(_):
        raise Retryable("Prefect is down")

    messenger = Stub(on_pull=lambda: next(pulls)())

    with pytest.raises(ZeroDivisionError):
        consume(messenger, "requests-invoker", refuse, stop=Event())

    assert sorted(messenger.settled) == [("given back", "id-1"), ("given back", "id-2")]
