"""Publish and pull: what every messenger (messenger/messenger.py) promises."""

import threading
import time

from messenger.messenger import INVOKER_REQUESTS, REQUESTS
from tests.contract.messenger.pulling import ATTRIBUTES, SOON, pull_all, pull_one


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
