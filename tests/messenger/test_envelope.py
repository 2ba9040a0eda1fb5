"""A message stays itself through burial and replay, and nobody sees what that takes."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from messenger import envelope
from messenger.messenger import Delivery

NOW = datetime(2026, 1, 5, tzinfo=UTC)
SENT = {"run_id": "r", "type": "RunRequest"}
DELIVERY = Delivery("id-1", b"body", SENT, 3, "requests-invoker", "receipt")


def dead(attributes):
    return envelope.dead_letter(b"body", attributes, brokers_id="broker-9", published_at=NOW, prefix="rfm-")


def test_the_sender_sees_its_own_attributes_only():
    carried = envelope.sent(SENT, "id-1")

    assert envelope.senders(carried) == SENT
    assert envelope.identity(carried, "broker-1") == "id-1"


def test_a_message_of_somebody_else_has_the_brokers_id():
    assert envelope.identity(SENT, "broker-1") == "broker-1"


def buried(delivery, reason):
    return envelope.buried(delivery, topic="requests", subscription="requests-invoker", reason=reason)


def test_a_buried_message_tells_why_how_often_and_where():
    letter = dead(buried(DELIVERY, "no such step"))

    assert (letter.message_id, letter.topic, letter.subscription) == ("id-1", "requests", "requests-invoker")
    assert (letter.deliveries, letter.reason, letter.attributes, letter.buried_at) == (3, "no such step", SENT, NOW)


def given_up_on(attributes, subscription):
    """As Pub/Sub itself makes a dead letter."""
    return attributes | {
        "CloudPubSubDeadLetterSourceSubscription": subscription,
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
        "CloudPubSubDeadLetterSourceDeliveryCount": "6",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-01-05T00:00:00Z",
    }


def test_a_message_that_pubsub_gave_up_on_tells_what_is_known():
    letter = dead(given_up_on(envelope.sent(SENT, "id-1"), "rfm-requests-invoker"))

    assert (letter.message_id, letter.topic, letter.subscription) == ("id-1", "requests", "requests-invoker")
    assert (letter.deliveries, letter.attributes) == (6, SENT)
    assert letter.reason == "delivered 6 times and never acknowledged"


@pytest.mark.parametrize(
    ("subscription", "named"), [("rfm-requests-push", "requests-push"), ("my-push", "projects/p/subscriptions/my-push")]
)
def test_of_a_subscription_with_a_name_of_its_own_the_message_tells_the_topic(subscription, named):
    """So that a person sees where it belongs; a replay asks Pub/Sub to which topic the subscription listens."""
    letter = dead(given_up_on(SENT, subscription))

    assert (letter.subscription, letter.topic) == (named, "requests")
    assert dead(given_up_on(SENT | {"type": "RunStatus"}, subscription)).topic == "statuses"


def test_what_is_too_large_keeps_what_routes_it_and_says_so():
    many = SENT | {"messenger-id": "id-1"} | {f"foreign-{number}": "x" for number in range(94)}

    part, said = envelope.cut(replace(DELIVERY, body=b"x" * 30, attributes=many), 20)

    assert (part.body, part.attributes) == (b"x" * 20, SENT | {"messenger-id": "id-1"})
    assert "kept are 20 of 30 bytes and 3 of 97 attributes" in said


def test_a_message_that_somebody_put_there_by_hand_is_shown_too():
    letter = dead({"note": "by hand"})

    assert (letter.message_id, letter.subscription, letter.deliveries) == ("broker-9", "", 0)


def test_a_reason_is_cut_to_what_pubsub_takes_without_breaking_a_letter():
    attributes = buried(DELIVERY, "ä" * 2000)

    assert attributes["messenger-reason"] == "ä" * 512


def test_a_pushed_message_keeps_the_identity_that_travels_with_it():
    pushed = replace(DELIVERY, message_id="broker-1", attributes=envelope.sent(SENT, "id-1"), receipt="")

    assert dead(buried(pushed, "no such step")).message_id == "id-1"
