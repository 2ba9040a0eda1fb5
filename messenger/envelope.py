"""What the Pub/Sub messenger writes into a message's attributes beside the sender's own.

Pub/Sub gives every published copy another id. So that a message stays itself through burial and replay, its
identity travels with it; so does what a dead letter has to tell. `Delivery` and `DeadLetter` show none of this.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from messenger.messenger import STANDING, STATUSES, DeadLetter, Delivery, Topic

OWN = "messenger-"
ID, TOPIC = "messenger-id", "messenger-topic"
SUBSCRIPTION, REASON, DELIVERIES = "messenger-subscription", "messenger-reason", "messenger-deliveries"

BROKERS = "CloudPubSubDeadLetterSource"
BROKERS_SUBSCRIPTION, BROKERS_COUNT = BROKERS + "Subscription", BROKERS + "DeliveryCount"
"""What Pub/Sub itself adds to a message that it gave up on."""

LONGEST_VALUE = 1024
"""Bytes of an attribute's value, Pub/Sub's bound."""


def sent(attributes: Mapping[str, str], message_id: str) -> Mapping[str, str]:
    return {**attributes, ID: message_id}


def buried(delivery: Delivery, *, topic: str, subscription: str, reason: str) -> Mapping[str, str]:
    """The attributes of a dead letter. Those of a pushed message still have what `sent` put there."""
    return {
        **delivery.attributes,
        ID: identity(delivery.attributes, delivery.message_id),
        TOPIC: topic,
        SUBSCRIPTION: subscription,
        REASON: reason.encode()[:LONGEST_VALUE].decode(errors="ignore"),
        DELIVERIES: str(delivery.delivery_attempt),
    }


def identity(attributes: Mapping[str, str], brokers_id: str) -> str:
    """A message that somebody else published has the id that Pub/Sub gave it."""
    return attributes.get(ID, brokers_id)


def senders(attributes: Mapping[str, str]) -> Mapping[str, str]:
    """The attributes as they were sent."""
    return {name: value for name, value in attributes.items() if not name.startswith((OWN, BROKERS))}


def dead_letter(
    body: bytes, attributes: Mapping[str, str], *, brokers_id: str, published_at: datetime, prefix: str
) -> DeadLetter:
    """Buried by us with a reason, or given up on by Pub/Sub, which says only how often it tried."""
    subscription = attributes.get(SUBSCRIPTION) or attributes.get(BROKERS_SUBSCRIPTION, "").removeprefix(prefix)
    deliveries = int(attributes.get(DELIVERIES) or attributes.get(BROKERS_COUNT) or 0)
    return DeadLetter(
        message_id=identity(attributes, brokers_id),
        topic=cast(Topic, attributes.get(TOPIC) or STANDING.get(subscription, STATUSES)),
        subscription=subscription,
        body=body,
        attributes=senders(attributes),
        deliveries=deliveries,
        reason=attributes.get(REASON) or f"delivered {deliveries} times and never acknowledged",
        buried_at=published_at,
    )
