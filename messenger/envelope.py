"""What the Pub/Sub messenger writes into a message's attributes beside the sender's own.

Pub/Sub gives every published copy another id. So that a message stays itself through burial and replay, its
identity travels with it; so does what a dead letter has to tell. `Delivery` and `DeadLetter` show none of this.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import cast

from messenger.contract import RunRequest
from messenger.messenger import REQUESTS, STANDING, STATUSES, DeadLetter, Delivery, Topic

OWN = "messenger-"
ID, TOPIC = "messenger-id", "messenger-topic"
SUBSCRIPTION, REASON, DELIVERIES = "messenger-subscription", "messenger-reason", "messenger-deliveries"

BROKERS = "CloudPubSubDeadLetterSource"
BROKERS_SUBSCRIPTION, BROKERS_PROJECT = BROKERS + "Subscription", BROKERS + "SubscriptionProject"
BROKERS_COUNT = BROKERS + "DeliveryCount"
"""What Pub/Sub itself adds to a message that it gave up on."""

LONGEST_VALUE = 1024
"""Bytes of an attribute's value, Pub/Sub's bound."""
ROUTING = (ID, "version", "type", "pipeline", "step", "run_id")
"""What is kept of the attributes of a message that does not fit into a dead letter."""


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


def cut(delivery: Delivery, largest: int) -> tuple[Delivery, str]:
    """What of a message fits into a dead letter that Pub/Sub refused whole, and how much that is, in words."""
    kept = {name: value for name, value in delivery.attributes.items() if name in ROUTING}
    body = delivery.body[:largest]
    bytes_, attributes = f"{len(body)} of {len(delivery.body)}", f"{len(kept)} of {len(delivery.attributes)}"
    said = f"too large for a dead letter, kept are {bytes_} bytes and {attributes} attributes"
    return replace(delivery, body=body, attributes=kept), said


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
    subscription = attributes.get(SUBSCRIPTION) or _brokers_subscription(attributes, prefix)
    deliveries = int(attributes.get(DELIVERIES) or attributes.get(BROKERS_COUNT) or 0)
    return DeadLetter(
        message_id=identity(attributes, brokers_id),
        topic=cast(Topic, attributes.get(TOPIC) or STANDING.get(subscription) or _topic_by_type(attributes)),
        subscription=subscription,
        body=body,
        attributes=senders(attributes),
        deliveries=deliveries,
        reason=attributes.get(REASON) or f"delivered {deliveries} times and never acknowledged",
        buried_at=published_at,
    )


def _brokers_subscription(attributes: Mapping[str, str], prefix: str) -> str:
    """By its short name if it is ours, by its full one if not; empty when somebody put the message there by hand."""
    name = attributes.get(BROKERS_SUBSCRIPTION, "")
    if not name or name.startswith(prefix):
        return name.removeprefix(prefix)
    return f"projects/{attributes.get(BROKERS_PROJECT, '')}/subscriptions/{name}"


def _topic_by_type(attributes: Mapping[str, str]) -> Topic:
    return REQUESTS if attributes.get("type") == RunRequest.__name__ else STATUSES
