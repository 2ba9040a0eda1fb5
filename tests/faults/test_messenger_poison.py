"""Poison goes to the dead letters with its reason, its neighbours go on, and it can be replayed after repair."""

import pytest

from messenger.decode import decode_request
from messenger.messenger import INVOKER_REQUESTS, REQUESTS
from tests.consuming import consuming, until
from tests.messages import publish, request

GOOD = request()
HUGE = object()

POISON = {
    "not JSON": (b"\x00\x01", GOOD.attributes(), "not JSON"),
    "another version": (GOOD.encode().replace(b'"version":1', b'"version":2'), GOOD.attributes(), "version"),
    "a Python dict as text": (str(GOOD.model_dump()).encode(), GOOD.attributes(), "Python dict"),
    "10 MB": (HUGE, GOOD.attributes(), "bytes; a message has at most"),
    "empty": (b"", GOOD.attributes(), "empty"),
    "attributes missing": (GOOD.encode(), {"run_id": GOOD.run_id}, "attributes are missing"),
    "no attributes": (GOOD.encode(), {}, "attributes are missing"),
    "a status": (b'{"state": "started"}', GOOD.attributes(), "Field required"),
}


def test_each_poison_is_a_dead_letter_with_its_reason_and_the_neighbours_go_on(carrier, messenger):
    reasons = {}
    for body, attributes, reason in POISON.values():
        content = b"x" * carrier.largest if body is HUGE else body
        reasons[messenger.publish(REQUESTS, content, attributes)] = reason
        publish(messenger, GOOD)
    handled = []

    with consuming(messenger, INVOKER_REQUESTS, lambda delivery: handled.append(decode_request(delivery)), threads=2):
        until(lambda: len(handled) == len(POISON), "the neighbours")
        until(lambda: len(messenger.dead_letters()) == len(POISON), "the dead letters")

    letters = {letter.message_id: letter for letter in messenger.dead_letters()}
    assert letters.keys() == reasons.keys()
    for message_id, reason in reasons.items():
        assert reason in letters[message_id].reason
        assert letters[message_id].deliveries == 1
    assert handled == [GOOD] * len(POISON)


def test_after_the_repair_a_dead_letter_is_replayed_and_takes_effect(messenger):
    """The program that could not read it was mended; the message is the same."""
    (message_id,) = publish(messenger, GOOD)
    handled = []

    def handle(delivery):
        handled.append((delivery.message_id, decode_request(delivery)))

    (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    messenger.bury(delivery, "this program cannot read it")
    messenger.replay(message_id)
    with consuming(messenger, INVOKER_REQUESTS, handle):
        until(lambda: handled, "the replayed message")

    assert handled == [(message_id, GOOD)]
    assert messenger.dead_letters() == []


@pytest.mark.parametrize("deliveries", [1, 3])
def test_a_handler_that_breaks_on_one_message_does_not_hold_up_the_others(carrier, monkeypatch, deliveries):
    monkeypatch.setattr("messenger.consume.growing", lambda count, longest: 0.0)
    messenger = carrier.open(max_deliveries=deliveries)
    messenger.setup()
    bad, *good = (request(attempt=attempt) for attempt in range(1, 6))
    publish(messenger, bad, *good)
    handled = []

    def handle(delivery):
        decoded = decode_request(delivery)
        handled.append(decoded.attempt)
        if decoded == bad:
            raise ZeroDivisionError

    with consuming(messenger, INVOKER_REQUESTS, handle, threads=1):
        until(lambda: messenger.dead_letters() and len(handled) == deliveries + len(good), "all of them")

    (letter,) = messenger.dead_letters()
    assert (letter.deliveries, letter.attributes) == (deliveries, bad.attributes())
    assert letter.reason.startswith("ZeroDivisionError in the handler")
    assert sorted(handled) == [1] * deliveries + [2, 3, 4, 5]
