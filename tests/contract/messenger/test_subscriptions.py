"""Subscriptions: each gets its own copy of what is published after it was made."""

import pytest

from messenger.messenger import INVOKER_REQUESTS, REGISTER_STATUSES, STATUSES, SubscriptionMissing
from tests.contract.messenger.pulling import ATTRIBUTES, pull_all, pull_one


def test_every_subscription_of_a_topic_gets_its_own_copy(messenger):
    messenger.subscribe("waiter-copy", STATUSES)
    messenger.publish(STATUSES, b"body", ATTRIBUTES)

    messenger.ack(pull_one(messenger, REGISTER_STATUSES))

    assert pull_one(messenger, "waiter-copy").body == b"body"


def test_a_message_stays_on_its_topic(messenger, nothing_on):
    messenger.publish(STATUSES, b"body", ATTRIBUTES)

    assert nothing_on(messenger, INVOKER_REQUESTS)


def test_a_subscription_gets_what_is_published_after_it_was_made(messenger, nothing_on):
    messenger.publish(STATUSES, b"early", ATTRIBUTES)
    messenger.subscribe("waiter-early", STATUSES)
    messenger.publish(STATUSES, b"late", ATTRIBUTES)

    assert [d.body for d in pull_all(messenger, 1, "waiter-early")] == [b"late"]
    assert nothing_on(messenger, "waiter-early")


def test_a_waiter_gets_the_messages_of_its_run_where_the_carrier_filters(carrier, messenger, nothing_on):
    messenger.subscribe("waiter-run", STATUSES, run_id="mine")
    messenger.publish(STATUSES, b"other", {"run_id": "other"})
    messenger.publish(STATUSES, b"none", {})
    messenger.publish(STATUSES, b"mine", {"run_id": "mine"})

    expected = [b"mine"] if carrier.filters else [b"mine", b"none", b"other"]
    assert sorted(d.body for d in pull_all(messenger, len(expected), "waiter-run")) == expected
    assert nothing_on(messenger, "waiter-run")


def test_subscribing_again_keeps_what_the_subscription_holds(carrier, messenger):
    messenger.subscribe("waiter-again", STATUSES, run_id="mine")
    messenger.publish(STATUSES, b"body", {"run_id": "mine"})

    carrier.open().subscribe("waiter-again", STATUSES, run_id="mine")

    assert pull_one(messenger, "waiter-again").body == b"body"


def test_a_subscription_that_is_not_there_cannot_be_pulled(messenger):
    messenger.subscribe("waiter-gone", STATUSES)
    messenger.unsubscribe("waiter-gone")

    with pytest.raises(SubscriptionMissing, match="waiter-gone"):
        messenger.pull("waiter-gone", limit=1, wait=0.1)


def test_removing_a_subscription_that_is_not_there_is_nothing(messenger):
    messenger.unsubscribe("waiter-never")


def test_a_subscription_made_anew_is_empty(messenger, nothing_on):
    messenger.subscribe("waiter-anew", STATUSES)
    messenger.publish(STATUSES, b"body", ATTRIBUTES)
    messenger.unsubscribe("waiter-anew")

    messenger.subscribe("waiter-anew", STATUSES)

    assert nothing_on(messenger, "waiter-anew")
