"""What every Messenger promises, whatever carries the messages.

At least once: a message may arrive twice, and is delivered again until it is acknowledged. Order is not
promised. The suite in tests/contract/ holds every adapter to this page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol

from errors import Permanent, Retryable

Topic = Literal["requests", "statuses"]
REQUESTS: Topic = "requests"
STATUSES: Topic = "statuses"

INVOKER_REQUESTS = "requests-invoker"
"""The subscription from which the invoker takes requests."""
REGISTER_STATUSES = "statuses-register"
"""The subscription from which the register learns how runs go."""
STANDING: Mapping[str, Topic] = {INVOKER_REQUESTS: REQUESTS, REGISTER_STATUSES: STATUSES}
"""The subscriptions that must be there before the first message, so that none is lost."""

LONGEST_DELAY = 600.0
"""Seconds: the longest lease, and the longest delay of a nack; more is cut to this (Pub/Sub's own bound)."""


class MessengerUnavailable(Retryable):
    """The messages' carrier cannot be reached; nothing was sent. Worth trying again."""


class SubscriptionMissing(MessengerUnavailable):
    """There is no such subscription, or it expired; what was sent to it is lost."""


class MessageTooLarge(Permanent):
    """The carrier takes no message of this size; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message, leased to whoever pulled it until it is acknowledged or its lease ends."""

    message_id: str
    body: bytes
    attributes: Mapping[str, str] = field(hash=False)
    delivery_attempt: int
    subscription: str
    receipt: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be handled, kept with the reason until a person replays or drops it."""

    message_id: str
    topic: Topic
    subscription: str
    body: bytes
    attributes: Mapping[str, str]
    deliveries: int
    reason: str
    buried_at: datetime


class Messenger(Protocol):
    """Safe for several threads.

    Everything but `close` may raise MessengerUnavailable, and Permanent where the carrier refuses what it is given.
    """

    def publish(self, topic: Topic, body: bytes, attributes: Mapping[str, str]) -> str:
        """Returns the message's id once the message is durable. Raises MessengerUnavailable, MessageTooLarge.

        A request that no subscription would get is not taken where the carrier can know that (Pub/Sub cannot).
        """

    def publish_many(self, topic: Topic, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> Sequence[str]:
        """Like `publish` for many at once, and much faster: the ids, once all of them are durable.

        When it raises, some may have been sent: send all of them again.
        """

    def subscribe(
        self, name: str, topic: Topic, *, run_id: str | None = None, expires_after: timedelta | None = None
    ) -> None:
        """Makes the subscription unless it is there. It gets what is published from now on.

        With `run_id` it gets only messages of that run where the broker can filter: look at the message too.
        After `expires_after` without use it is removed.
        """

    def unsubscribe(self, name: str) -> None:
        """Removes the subscription and what it still holds; nothing happens when it is not there."""

    def subscriptions(self) -> Sequence[str]:
        """The names of all that are there, the standing ones among them."""

    def pull(self, subscription: str, *, limit: int, wait: float) -> Sequence[Delivery]:
        """Up to `limit` messages; waits up to `wait` seconds for the first one, then returns none.

        Raises SubscriptionMissing.
        """

    def ack(self, *deliveries: Delivery) -> None:
        """The effect of these messages of one subscription is durable: never deliver them again there."""

    def nack(self, delivery: Delivery, *, delay: float = 0, reason: str = "") -> None:
        """Deliver it again, not before `delay` seconds; after the last delivery it is a dead letter.

        `reason` is what the dead letter will say; without it, that the message was refused so many times.
        """

    def give_back(self, *deliveries: Delivery) -> None:
        """Whoever has these messages of one subscription ends: deliver them again at once, to another.

        However often that happens, it makes no dead letter.
        """

    def extend(self, delivery: Delivery, seconds: float) -> None:
        """Work goes on: the lease ends `seconds` from now. Nothing happens when it ended before."""

    def bury(self, delivery: Delivery, reason: str) -> None:
        """It can never be handled: to the dead letters, as far as they take it, with the reason, and acknowledged.

        Without a receipt it was never delivered: a message that its sender sets aside, for a standing subscription.
        """

    def dead_letters(self) -> Sequence[DeadLetter]:
        """What waits for a person, oldest first."""

    def replay(self, *message_ids: str) -> Mapping[str, str]:
        """Delivers dead letters again, with the ids and attributes they had.

        Returns, by id, why one was not: there is none of this id, or the subscription it died on is gone, so that
        nobody would get it. The others are.
        """

    def drop(self, *message_ids: str) -> Mapping[str, str]:
        """Forgets dead letters. Returns, by id, why one was not."""

    def missing(self) -> Sequence[str]:
        """What is not there and must be before work starts, each with the command that makes it."""

    def setup(self) -> None:
        """Makes what is missing, where allowed."""

    def close(self) -> None:
        """Lets go of connections and files."""
