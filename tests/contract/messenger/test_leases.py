"""Leases: a message is one taker's until it is acknowledged or the lease ends."""

from messenger.messenger import INVOKER_REQUESTS, LONGEST_DELAY, REQUESTS
from tests.contract.messenger.pulling import ATTRIBUTES, pull_one


def test_an_acknowledged_message_never_comes_again(messenger, tick):
    messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    delivery = pull_one(messenger)
    messenger.extend(delivery, tick)

    messenger.ack(delivery)

    assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=1.5 * tick) == []


def test_a_leased_message_is_not_delivered_to_another(carrier, messenger, nothing_on):
    messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    pull_one(messenger)

    assert nothing_on(carrier.open())


def test_a_message_whose_lease_ended_is_delivered_again(carrier, messenger, tick):
    message_id = messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    messenger.extend(pull_one(messenger), tick)

    again = pull_one(carrier.open())

    assert (again.message_id, again.delivery_attempt) == (message_id, 2)
    assert (again.body, again.attributes) == (b"body", ATTRIBUTES)


def test_an_extended_lease_holds(carrier, messenger, tick):
    messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    delivery = pull_one(messenger)
    messenger.extend(delivery, tick)

    messenger.extend(delivery, 60)

    assert carrier.open().pull(INVOKER_REQUESTS, limit=1, wait=1.5 * tick) == []


def test_a_lease_longer_than_the_longest_is_cut_to_it(messenger):
    messenger.publish(REQUESTS, b"body", ATTRIBUTES)

    messenger.extend(pull_one(messenger), LONGEST_DELAY * 10)


def test_an_acknowledgement_counts_after_the_lease_ended(messenger, tick, nothing_on):
    messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    first = pull_one(messenger)
    messenger.extend(first, tick)
    again = pull_one(messenger)

    messenger.ack(first)
    messenger.ack(again)

    assert nothing_on(messenger)


def test_whoever_lost_the_lease_cannot_end_anothers(carrier, messenger, tick, nothing_on):
    messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    first = pull_one(messenger)
    messenger.extend(first, tick)
    pull_one(messenger)

    messenger.nack(first)
    messenger.extend(first, 0)

    assert nothing_on(carrier.open())
