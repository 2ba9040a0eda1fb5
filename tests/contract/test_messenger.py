"""The page messenger/messenger.py, held against every adapter."""

import threading
import time

import pytest

from messenger.messenger import (
    INVOKER_REQUESTS,
    LONGEST_DELAY,
    REGISTER_STATUSES,
    REQUESTS,
    STATUSES,
    MessengerUnavailable,
    SubscriptionMissing,
)

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
    give_up = time.monotonic() + SOON
    while time.monotonic() < give_up:
        if letters := messenger.dead_letters():
            return letters[0]
        time.sleep(0.02)
    raise AssertionError("no dead letter came")


def refuse_until_dead(messenger, deliveries, **nack):
    for _ in range(deliveries):
        messenger.nack(pull_one(messenger), **nack)


@pytest.fixture
def tick(carrier):
    """Seconds: the carrier's shortest lease."""
    return carrier.tick


@pytest.fixture
def nothing_on(carrier):
    def is_nothing_on(messenger, subscription=INVOKER_REQUESTS):
        return messenger.pull(subscription, limit=10, wait=carrier.quiet) == []

    return is_nothing_on


# publish and pull


def test_a_published_message_is_delivered_as_it_was_sent(messenger):
    message_id = messenger.publish(REQUESTS, b"\x00body\xff", ATTRIBUTES)

    delivery = pull_one(messenger)

    assert (delivery.message_id, delivery.body, delivery.attributes) == (message_id, b"\x00body\xff", ATTRIBUTES)
    assert (delivery.subscription, delivery.delivery_attempt) == (INVOKER_REQUESTS, 1)


def test_a_message_published_through_one_messenger_is_delivered_through_another(carrier, messenger):
    message_id = carrier.open().publish(REQUESTS, b"body", ATTRIBUTES)

    assert pull_one(messenger).message_id == message_id


def test_many_published_at_once_are_all_delivered_under_their_ids(messenger):
    ids = messenger.publish_many(REQUESTS, [(b"%d" % number, ATTRIBUTES) for number in range(150)])

    deliveries = pull_all(messenger, 150)

    assert len(set(ids)) == 150
    assert {d.message_id: d.body for d in deliveries} == {i: b"%d" % n for n, i in enumerate(ids)}


def test_a_pull_returns_no_more_than_asked_for(messenger):
    messenger.publish_many(REQUESTS, [(b"body", ATTRIBUTES)] * 5)

    assert len(messenger.pull(INVOKER_REQUESTS, limit=2, wait=SOON)) <= 2


def test_a_pull_waits_for_the_first_message_and_no_longer(carrier, messenger):
    timer = threading.Timer(0.2, lambda: carrier.open().publish(REQUESTS, b"body", ATTRIBUTES))
    started = time.monotonic()
    timer.start()

    pull_one(messenger)

    assert 0.2 <= time.monotonic() - started < SOON / 2
    timer.join()


def test_an_empty_pull_returns_nothing_after_its_wait(messenger, tick):
    started = time.monotonic()

    assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=tick) == []

    assert tick * 0.9 <= time.monotonic() - started < SOON / 2


# subscriptions


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


# leases


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


# refused messages


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


# dead letters


def test_a_buried_message_is_a_dead_letter_at_once_and_its_neighbours_go_on(messenger):
    first, second = messenger.publish_many(REQUESTS, [(b"poison", ATTRIBUTES), (b"good", ATTRIBUTES)])
    for delivery in pull_all(messenger, 2):
        if delivery.message_id == first:
            messenger.bury(delivery, "no such step")
        else:
            messenger.nack(delivery)

    letter = dead_letter(messenger)

    assert (letter.message_id, letter.reason, letter.deliveries) == (first, "no such step", 1)
    assert pull_one(messenger).message_id == second


def test_a_buried_message_is_acknowledged(messenger, tick):
    messenger.publish(REQUESTS, b"poison", ATTRIBUTES)
    delivery = pull_one(messenger)
    messenger.extend(delivery, tick)

    messenger.bury(delivery, "no such step")

    assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=1.5 * tick) == []


def test_the_dead_letters_of_one_subscription_are_not_those_of_another(messenger):
    messenger.subscribe("waiter-other", STATUSES)
    messenger.publish(STATUSES, b"poison", ATTRIBUTES)

    messenger.bury(pull_one(messenger, REGISTER_STATUSES), "unreadable")

    assert dead_letter(messenger).subscription == REGISTER_STATUSES
    assert pull_one(messenger, "waiter-other").body == b"poison"


def test_dead_letters_can_be_looked_at_again_and_again(messenger):
    for number in range(3):
        messenger.publish(REQUESTS, b"%d" % number, ATTRIBUTES)
        messenger.bury(pull_one(messenger), f"reason {number}")

    for _ in range(2):
        assert [letter.reason for letter in messenger.dead_letters()] == ["reason 0", "reason 1", "reason 2"]


def test_a_replayed_message_comes_again_as_itself(messenger):
    message_id = messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    messenger.bury(pull_one(messenger), "not now")
    dead_letter(messenger)

    messenger.replay(message_id)

    again = pull_one(messenger)
    assert (again.message_id, again.body, again.attributes) == (message_id, b"body", ATTRIBUTES)
    assert again.delivery_attempt == 1
    assert messenger.dead_letters() == []


def test_a_replayed_message_can_die_again(messenger):
    message_id = messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    messenger.bury(pull_one(messenger), "first")
    dead_letter(messenger)
    messenger.replay(message_id)

    messenger.bury(pull_one(messenger), "second")

    letter = dead_letter(messenger)
    assert (letter.message_id, letter.reason) == (message_id, "second")
    messenger.drop(message_id)
    assert messenger.dead_letters() == []


def test_a_dropped_dead_letter_is_gone(messenger, nothing_on):
    for body in (b"drop", b"keep"):
        messenger.publish(REQUESTS, body, ATTRIBUTES)
        messenger.bury(pull_one(messenger), "never")
    first, second = messenger.dead_letters()

    messenger.drop(first.message_id)

    assert [letter.message_id for letter in messenger.dead_letters()] == [second.message_id]
    assert nothing_on(messenger)


@pytest.mark.parametrize("act", ["replay", "drop"])
def test_there_is_no_dead_letter_of_another_id(messenger, act):
    with pytest.raises(KeyError, match="nowhere"):
        getattr(messenger, act)("nowhere")


def test_a_dead_letter_whose_waiter_is_gone_is_not_replayed_into_nowhere(messenger):
    messenger.subscribe("waiter-left", STATUSES)
    messenger.publish(STATUSES, b"body", ATTRIBUTES)
    messenger.bury(pull_one(messenger, "waiter-left"), "unreadable")
    letter = dead_letter(messenger)
    messenger.unsubscribe("waiter-left")

    with pytest.raises(SubscriptionMissing, match="waiter-left"):
        messenger.replay(letter.message_id)

    assert [left.message_id for left in messenger.dead_letters()] == [letter.message_id]


# start and end


def test_what_is_missing_is_listed_and_made(carrier):
    messenger = carrier.open()
    missing = "\n".join(messenger.missing())
    assert INVOKER_REQUESTS in missing
    assert REGISTER_STATUSES in missing

    messenger.setup()

    assert messenger.missing() == []


def test_setting_up_again_keeps_what_is_there(carrier, messenger):
    messenger.publish(REQUESTS, b"body", ATTRIBUTES)

    carrier.open().setup()

    assert pull_one(messenger).body == b"body"


def test_a_closed_messenger_says_so(carrier):
    messenger = carrier.open()
    messenger.setup()
    messenger.close()

    with pytest.raises(MessengerUnavailable):
        messenger.publish(REQUESTS, b"body", ATTRIBUTES)


def test_many_threads_may_use_one_messenger(messenger):
    threads = [
        threading.Thread(target=lambda: [messenger.publish(REQUESTS, b"body", ATTRIBUTES) for _ in range(20)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({delivery.message_id for delivery in pull_all(messenger, 160)}) == 160
