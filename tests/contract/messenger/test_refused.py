"""Refused messages come again, and after the last delivery they are dead letters."""

import time

from messenger.messenger import INVOKER_REQUESTS, REQUESTS
from tests.contract.messenger.pulling import ATTRIBUTES, dead_letter, pull_one


def refuse_until_dead(messenger, deliveries, **nack):
    for _ in range(deliveries):
        messenger.nack(pull_one(messenger), **nack)


def test_a_refused_message_comes_again(messenger):
    message_id = messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    messenger.nack(pull_one(messenger))

    again = pull_one(messenger)

    assert (again.message_id, again.delivery_attempt) == (message_id, 2)


def test_a_refused_message_does_not_come_before_its_delay(messenger, tick, nothing_on):
    messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    started = time.monotonic()

    messenger.nack(pull_one(messenger), delay=2 * tick)

    assert nothing_on(messenger)
    pull_one(messenger)
    assert time.monotonic() - started >= 1.9 * tick


def test_a_refused_message_does_not_hold_up_its_neighbours(messenger):
    messenger.publish(REQUESTS, b"poison", ATTRIBUTES)
    messenger.nack(pull_one(messenger), delay=30)
    messenger.publish(REQUESTS, b"neighbour", ATTRIBUTES)

    assert pull_one(messenger).body == b"neighbour"


def test_a_message_refused_at_its_last_delivery_is_a_dead_letter_with_the_reason(carrier, nothing_on):
    messenger = carrier.open(max_deliveries=5)
    messenger.setup()
    message_id = messenger.publish(REQUESTS, b"poison", ATTRIBUTES)

    refuse_until_dead(messenger, 5, reason="it is poison")

    letter = dead_letter(messenger)
    assert (letter.message_id, letter.body, letter.attributes) == (message_id, b"poison", ATTRIBUTES)
    assert (letter.topic, letter.subscription, letter.deliveries) == (REQUESTS, INVOKER_REQUESTS, 5)
    assert letter.reason == "it is poison"
    assert nothing_on(messenger)


def test_a_dead_letter_without_a_reason_says_how_it_died(carrier):
    messenger = carrier.open(max_deliveries=5)
    messenger.setup()
    messenger.publish(REQUESTS, b"poison", ATTRIBUTES)

    refuse_until_dead(messenger, 5)

    assert "5" in dead_letter(messenger).reason


def test_a_message_that_is_given_back_comes_at_once_and_never_dies_of_it(carrier):
    messenger = carrier.open(max_deliveries=5)
    messenger.setup()
    message_id = messenger.publish(REQUESTS, b"waits", ATTRIBUTES)

    for _ in range(7):
        messenger.give_back(pull_one(messenger))

    again = pull_one(messenger)
    assert (again.message_id, again.body, again.attributes) == (message_id, b"waits", ATTRIBUTES)
    assert messenger.dead_letters() == []


def test_a_message_that_nobody_ever_acknowledges_is_a_dead_letter(carrier, nothing_on):
    """As when it kills each process that takes it."""
    messenger = carrier.open(max_deliveries=5)
    messenger.setup()
    message_id = messenger.publish(REQUESTS, b"killer", ATTRIBUTES)
    for _ in range(5):
        messenger.extend(pull_one(messenger), 0)

    assert nothing_on(messenger)
    letter = dead_letter(messenger)
    assert (letter.message_id, letter.attributes, letter.deliveries) == (message_id, ATTRIBUTES, 5)
    assert "never acknowledged" in letter.reason
