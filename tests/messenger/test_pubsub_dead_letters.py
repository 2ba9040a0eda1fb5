"""Dead letters of Pub/Sub: of foreign messages, pushed ones, those that do not fit, and its own."""

from uuid import uuid4

import pytest
from google.api_core import exceptions
from google.pubsub_v1 import PublisherClient, PubsubMessage, SubscriberClient

from messenger import pubsub
from messenger.messenger import (
    INVOKER_REQUESTS,
    REQUESTS,
    Delivery,
)
from messenger.pubsub_resources import DEAD_LETTERS
from tests.messenger.emulated import PROJECT, named
from tests.waiting import until


def test_a_message_of_somebody_else_is_delivered_and_can_be_buried_and_replayed(messenger):
    publisher = PublisherClient()
    by_hand = PubsubMessage(data=b"by hand", attributes={"run_id": "r"})
    (brokers_id,) = publisher.publish(topic=named(messenger, REQUESTS, "topics"), messages=[by_hand]).message_ids
    (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    assert (delivery.message_id, delivery.attributes) == (brokers_id, {"run_id": "r"})

    messenger.bury(delivery, "by hand")
    messenger.replay(brokers_id)

    (again,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    assert (again.message_id, again.attributes) == (brokers_id, {"run_id": "r"})


@pytest.mark.parametrize("own_prefix", [True, False])
def test_a_pushed_message_can_be_buried_and_replayed(messenger, own_prefix):
    """The push endpoint knows the full name of the subscription, and has nothing to acknowledge."""
    path = named(messenger, "requests-push") if own_prefix else f"projects/{PROJECT}/subscriptions/s{uuid4().hex[:8]}"
    SubscriberClient().create_subscription(name=path, topic=named(messenger, REQUESTS, "topics"))
    pushed = Delivery("7", b"body", {"run_id": "r", "messenger-id": "id-1"}, 2, path, "")

    messenger.bury(pushed, "no such step")
    (letter,) = messenger.dead_letters()
    messenger.replay("id-1")

    assert letter.subscription == ("requests-push" if own_prefix else path)
    assert (letter.message_id, letter.topic, letter.attributes) == ("id-1", REQUESTS, {"run_id": "r"})
    (again,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    assert (again.message_id, again.attributes) == ("id-1", {"run_id": "r"})


@pytest.mark.parametrize("own_prefix", [True, False])
def test_what_pubsub_gives_up_on_is_replayed_to_the_topic_of_its_subscription(messenger, own_prefix):
    """Whatever the name of the subscription is, and whatever the message says of itself."""
    name = f"{messenger._named.prefix}push" if own_prefix else f"s{uuid4().hex[:8]}"
    path = f"projects/{PROJECT}/subscriptions/{name}"
    SubscriberClient().create_subscription(name=path, topic=named(messenger, REQUESTS, "topics"))
    told = {
        "CloudPubSubDeadLetterSourceSubscription": name,
        "CloudPubSubDeadLetterSourceSubscriptionProject": PROJECT,
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
    }
    letter = PubsubMessage(data=b"body", attributes={"messenger-id": "id-1"} | told)
    PublisherClient().publish(topic=named(messenger, DEAD_LETTERS, "topics"), messages=[letter])

    assert messenger.replay("id-1") == {}

    (again,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    assert (again.message_id, again.body, again.attributes) == ("id-1", b"body", {})


@pytest.fixture
def bounded(monkeypatch):
    """The service's bounds of a message, which the emulator does not know; that of its size a small one."""
    real = PublisherClient.publish

    def publish(self, *, topic, messages, **call):
        if any(len(one.attributes) > 100 or PubsubMessage.pb(one).ByteSize() > 20_000 for one in messages):
            raise exceptions.InvalidArgument("The value is too large.")
        return real(self, topic=topic, messages=messages, **call)

    monkeypatch.setattr(PublisherClient, "publish", publish)
    monkeypatch.setattr(pubsub, "LARGEST_BODY", 10_000)


@pytest.mark.parametrize(
    ("body", "attributes", "kept"),
    [
        (b"x" * 19_900, {"run_id": "r"}, "10000 of 19900 bytes and 1 of 1 attributes"),
        (b"x", {"run_id": "r"} | {f"foreign-{number}": "x" for number in range(96)}, "1 of 1 bytes and 1 of 97"),
    ],
    ids=["size", "attributes"],
)
def test_a_message_that_does_not_fit_into_a_dead_letter_is_buried_in_part(messenger, bounded, body, attributes, kept):
    """It came, since it was within Pub/Sub's bounds; with what a dead letter tells besides, it is not."""
    by_hand = PubsubMessage(data=body, attributes=attributes)
    PublisherClient().publish(topic=named(messenger, REQUESTS, "topics"), messages=[by_hand])
    (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    messenger.extend(delivery, 1)

    messenger.bury(delivery, "no such step")

    (letter,) = messenger.dead_letters()
    assert (letter.message_id, letter.attributes) == (delivery.message_id, {"run_id": "r"})
    assert letter.body == body[:10_000]
    assert kept in letter.reason
    assert letter.reason.endswith("no such step")
    assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=1.5) == []


def test_what_pubsub_itself_gives_up_on_is_a_dead_letter_too(messenger):
    """As when a consumer of another kind refuses it for ever."""
    message_id = messenger.publish(REQUESTS, b"body", {"run_id": "r"})
    subscriber, path = SubscriberClient(), named(messenger, INVOKER_REQUESTS)

    def refused_again():
        try:
            found = subscriber.pull(subscription=path, max_messages=1, timeout=0.5, retry=None).received_messages
        except exceptions.DeadlineExceeded:
            found = []
        for one in found:
            subscriber.modify_ack_deadline(subscription=path, ack_ids=[one.ack_id], ack_deadline_seconds=0)
        return [] if found else messenger.dead_letters()

    (letter,) = until(refused_again, 20, "the dead letter")
    assert (letter.message_id, letter.attributes, letter.subscription) == (
        message_id,
        {"run_id": "r"},
        INVOKER_REQUESTS,
    )
    assert letter.reason == f"delivered {letter.deliveries} times and never acknowledged"
    assert letter.deliveries >= 5
