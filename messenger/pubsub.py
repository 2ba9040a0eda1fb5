"""The Messenger on Google Pub/Sub, or on its emulator where PUBSUB_EMULATOR_HOST says so (Google's own variable).

Messages are pulled, not streamed: what arrives is what was asked for, so nothing is leased and left lying. A
call that outlives its caller's wait goes on, and what it brings is for the next `pull`: a call that is cancelled
may take a message with it for the length of a lease.
"""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from math import ceil
from typing import Any
from uuid import uuid4

import grpc
from google.api_core import exceptions
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.auth.exceptions import GoogleAuthError
from google.pubsub_v1 import PublisherClient, PubsubMessage, PullRequest, ReceivedMessage, SubscriberClient

from errors import Permanent, Retryable
from messenger import envelope, pubsub_setup
from messenger.messenger import (
    LONGEST_DELAY,
    STANDING,
    DeadLetter,
    Delivery,
    MessageTooLarge,
    MessengerUnavailable,
    Topic,
)
from messenger.pubsub_calls import CALL, Refused, reaching_subscription, reaching_topic
from messenger.pubsub_resources import DEAD_LETTERS, SHORTEST_LEASE, Resources

LARGEST_BODY = 9_000_000
"""Bytes. Pub/Sub takes 10 MB with the attributes, of which a dead letter has more than other messages."""
MOST_MESSAGES, MOST_BYTES = 1000, 9_500_000
"""Of one call to publish; Pub/Sub's bounds."""
MOST_RECEIPTS = 1000
SHORTEST_WAIT = 0.1
"""Seconds: even a pull that does not wait takes a round trip."""
LONGEST_CALL = 10.0
"""Seconds that one call waits for messages. The longer, the seldomer a message meets a call that just ended; the
shorter, the sooner nothing more goes to a call whose process was killed (the emulator does not notice that)."""
EMPTY_PAUSE = 0.05
"""Seconds before the next call, when one came back empty."""
LISTING_WAIT = 2.0
"""Seconds without another dead letter, after which all of them were seen."""
ELSEWHERE = "or somebody else lists them just now: try again"


class PubSubMessenger:
    """`lease` in seconds, at most 600: a message not acknowledged within it is delivered again.

    A message that was delivered `max_deliveries` times and not acknowledged is a dead letter. `prefix` stands
    before the name of every topic and subscription.
    """

    def __init__(self, project: str, *, prefix: str = "", lease: float = 30, max_deliveries: int = 5) -> None:
        self._lease = lease
        self._max_deliveries = max_deliveries
        self._named = Resources(project, prefix, lease, max_deliveries)
        try:
            self._publisher, self._subscriber = PublisherClient(), SubscriberClient()
        except GoogleAuthError as error:
            raise MessengerUnavailable(f"Pub/Sub cannot be used: {error}") from None
        self._calls: dict[str, deque[grpc.Future]] = defaultdict(deque)
        self._arrived: dict[str, deque[tuple[float, Delivery]]] = defaultdict(deque)

    def publish(self, topic: Topic, body: bytes, attributes: Mapping[str, str]) -> str:
        return self.publish_many(topic, [(body, attributes)])[0]

    def publish_many(self, topic: Topic, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> Sequence[str]:
        for body, _ in messages:
            if len(body) > LARGEST_BODY:
                raise MessageTooLarge(f"a message of {len(body)} bytes; at most {LARGEST_BODY} can be published")
        ids = [uuid4().hex for _ in messages]
        wrapped = [
            PubsubMessage(data=body, attributes=envelope.sent(attributes, message_id))
            for (body, attributes), message_id in zip(messages, ids, strict=True)
        ]
        for batch in _batches(wrapped):
            self._publish(topic, batch)
        return ids

    def subscribe(
        self, name: str, topic: Topic, *, run_id: str | None = None, expires_after: timedelta | None = None
    ) -> None:
        """Pub/Sub removes a subscription after a day without use at the earliest."""
        definition = self._named.definition(name, topic, run_id=run_id, expires_after=expires_after)
        with reaching_topic(topic), suppress(exceptions.AlreadyExists):
            self._subscriber.create_subscription(request=definition, **CALL)

    def unsubscribe(self, name: str) -> None:
        self._forget_calls(name)
        with reaching_subscription(name), suppress(exceptions.NotFound):
            self._subscriber.delete_subscription(subscription=self._named.subscription(name), **CALL)

    def subscriptions(self) -> Sequence[str]:
        """Those in the project that have our prefix."""
        with reaching_subscription("list"):
            found = self._subscriber.list_subscriptions(project=f"projects/{self._named.project}", **CALL)
            return sorted(
                one.name.removeprefix(self._named.subscription(""))
                for one in found
                if one.name.startswith(self._named.subscription(""))
            )

    def pull(self, subscription: str, *, limit: int, wait: float) -> Sequence[Delivery]:
        give_up = time.monotonic() + max(wait, SHORTEST_WAIT)
        while True:
            if taken := self._take(subscription, limit):
                return taken
            left = give_up - time.monotonic()
            if left <= 0:
                return []
            self._receive(subscription, limit, left)

    def ack(self, *deliveries: Delivery) -> None:
        for start in range(0, len(deliveries), MOST_RECEIPTS):
            some = deliveries[start : start + MOST_RECEIPTS]
            self._acknowledge(some[0].subscription, [delivery.receipt for delivery in some])

    def nack(self, delivery: Delivery, *, delay: float = 0, reason: str = "") -> None:
        if delivery.delivery_attempt >= self._max_deliveries:
            self.bury(delivery, reason or f"refused at delivery {delivery.delivery_attempt}, the last one")
        else:
            self._lease_for(delivery.subscription, [delivery.receipt], delay)

    def give_back(self, *deliveries: Delivery) -> None:
        """Pub/Sub counts this as any other refusal. What it would give up on goes out anew, and is counted anew."""
        again = []
        for delivery in deliveries:
            if delivery.delivery_attempt < self._max_deliveries:
                again.append(delivery.receipt)
            else:
                self._publish_again(delivery, self._topic_of(delivery.subscription))
                self.ack(delivery)
        if again:
            self._lease_for(deliveries[0].subscription, again, 0)

    def extend(self, delivery: Delivery, seconds: float) -> None:
        self._lease_for(delivery.subscription, [delivery.receipt], seconds)

    def bury(self, delivery: Delivery, reason: str) -> None:
        """A pushed message has no receipt: it is acknowledged by whoever answers Pub/Sub."""
        try:
            self._publish_dead(delivery, reason)
        except Refused:
            # it came to us; but with what a dead letter tells besides, it is beyond Pub/Sub's bounds
            part, kept = envelope.cut(delivery, LARGEST_BODY)
            self._publish_dead(part, f"{kept}; {reason}")
        if delivery.receipt:
            self.ack(delivery)

    def dead_letters(self) -> Sequence[DeadLetter]:
        with self._all_dead() as dead:
            return [letter for letter, _ in dead]

    def replay(self, *message_ids: str) -> Mapping[str, str]:
        """Every subscription of the topic gets it again, under its old id: for the others it is a duplicate."""
        return self._end(message_ids, self._revive)

    def drop(self, *message_ids: str) -> Mapping[str, str]:
        return self._end(message_ids, lambda _: None)

    def missing(self) -> Sequence[str]:
        return pubsub_setup.missing(self._publisher, self._subscriber, self._named)

    def setup(self) -> None:
        pubsub_setup.make(self._publisher, self._subscriber, self._named)

    def close(self) -> None:
        for subscription in list(self._calls):
            self._give_back_arrived(subscription)
        self._publisher.transport.close()
        self._subscriber.transport.close()

    def _publish(self, topic: str, messages: Sequence[PubsubMessage]) -> None:
        with reaching_topic(topic):
            self._publisher.publish(topic=self._named.topic(topic), messages=list(messages), **CALL)

    def _publish_again(self, message: Delivery | DeadLetter, topic: str) -> None:
        attributes = envelope.sent(message.attributes, message.message_id)
        self._publish(topic, [PubsubMessage(data=message.body, attributes=attributes)])

    def _publish_dead(self, delivery: Delivery, reason: str) -> None:
        name = self._named.short(delivery.subscription)
        attributes = envelope.buried(delivery, topic=self._topic_of(name), subscription=name, reason=reason)
        self._publish(DEAD_LETTERS, [PubsubMessage(data=delivery.body, attributes=attributes)])

    def _receive(self, subscription: str, limit: int, wait: float) -> None:
        """Waits up to `wait` seconds for the call that is on its way, or a new one."""
        calls = self._calls[subscription]
        with reaching_subscription(subscription):
            try:
                call = calls.popleft()
            except IndexError:
                call = self._call(subscription, limit)
            try:
                received = call.result(timeout=wait).received_messages
            except grpc.FutureTimeoutError:
                calls.append(call)
                return
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                    return
                raise exceptions.from_grpc_error(error) from None
        if not received:
            time.sleep(min(EMPTY_PAUSE, wait))
            return
        self._keep(subscription, [_delivery(message, subscription) for message in received])

    def _keep(self, subscription: str, deliveries: Sequence[Delivery]) -> None:
        """For `_take`, before anything can go wrong with a neighbour that was delivered too often."""
        now, last = time.monotonic(), self._max_deliveries
        self._arrived[subscription].extend((now, one) for one in deliveries if one.delivery_attempt <= last)
        if self._lease < SHORTEST_LEASE:
            self._lease_for(subscription, [one.receipt for one in deliveries], self._lease)
        for one in deliveries:
            if one.delivery_attempt > last:
                self.bury(replace(one, delivery_attempt=last), f"delivered {last} times and never acknowledged")

    def _call(self, subscription: str, limit: int) -> grpc.Future:
        """The bare call: the client's own method cannot be waited for in parts."""
        path = self._named.subscription(subscription)
        pull: Any = self._subscriber.transport.pull
        return pull.future(
            PullRequest(subscription=path, max_messages=limit),
            timeout=LONGEST_CALL,
            metadata=(to_grpc_metadata((("subscription", path),)),),
        )

    def _forget_calls(self, subscription: str) -> None:
        for call in self._calls.pop(subscription, ()):
            call.cancel()

    def _give_back_arrived(self, subscription: str) -> None:
        """What arrived and nobody pulled is for another process, at once and not a lease later."""
        calls = self._calls[subscription]
        for call in calls:
            call.cancel()
            if not call.cancelled() and call.exception() is None:
                with suppress(Retryable, Permanent):
                    received = call.result().received_messages
                    self._keep(subscription, [_delivery(message, subscription) for message in received])
        calls.clear()
        with suppress(Retryable, Permanent):
            self.give_back(*(delivery for _, delivery in self._arrived.pop(subscription, ())))

    def _take(self, subscription: str, limit: int) -> Sequence[Delivery]:
        """What arrived. Not what lay too long since: its lease may end any moment, and it will come again."""
        arrived = self._arrived[subscription]
        taken: list[Delivery] = []
        with suppress(IndexError):
            while len(taken) < limit:
                at, delivery = arrived.popleft()
                if time.monotonic() - at < self._lease / 2:
                    taken.append(delivery)
        return taken

    def _lease_for(self, subscription: str, receipts: Sequence[str], seconds: float) -> None:
        with reaching_subscription(subscription):
            self._subscriber.modify_ack_deadline(
                subscription=self._named.subscription(subscription),
                ack_ids=list(receipts),
                ack_deadline_seconds=ceil(min(seconds, LONGEST_DELAY)),
                **CALL,
            )

    def _acknowledge(self, subscription: str, receipts: Sequence[str]) -> None:
        path = self._named.subscription(subscription)
        with reaching_subscription(subscription):
            self._subscriber.acknowledge(subscription=path, ack_ids=list(receipts), **CALL)

    @contextmanager
    def _all_dead(self) -> Iterator[Sequence[tuple[DeadLetter, str]]]:
        """Every dead letter with its receipt, oldest first. They are leased, and let go at the end."""
        dead: dict[str, tuple[DeadLetter, str]] = {}
        try:
            while received := self._some_dead():
                for one in received:
                    dead[one.message.message_id] = (_dead_letter(one, self._named.prefix), one.ack_id)
            yield sorted(dead.values(), key=lambda found: found[0].buried_at)
        finally:
            receipts = [receipt for _, receipt in dead.values()]
            for start in range(0, len(receipts), MOST_RECEIPTS):
                self._lease_for(DEAD_LETTERS, receipts[start : start + MOST_RECEIPTS], 0)

    def _some_dead(self) -> Sequence[ReceivedMessage]:
        path = self._named.subscription(DEAD_LETTERS)
        with reaching_subscription(DEAD_LETTERS):
            try:
                request = PullRequest(subscription=path, max_messages=MOST_MESSAGES)
                return self._subscriber.pull(request=request, retry=None, timeout=LISTING_WAIT).received_messages
            except exceptions.DeadlineExceeded:
                return []

    def _end(self, message_ids: Sequence[str], act: Callable[[Sequence[DeadLetter]], None]) -> Mapping[str, str]:
        """Does it to the dead letters of each id, and lets go of them; why not, by id, of those that stay."""
        stay = {}
        with self._all_dead() as dead:
            for message_id in message_ids:
                letters = {receipt: letter for letter, receipt in dead if letter.message_id == message_id}
                if not letters:
                    stay[message_id] = f"no dead letter has the message id {message_id}, {ELSEWHERE}"
                    continue
                try:
                    act(list(letters.values()))
                    self._acknowledge(DEAD_LETTERS, list(letters))
                except (Retryable, Permanent) as error:
                    stay[message_id] = str(error)
        return stay

    def _revive(self, letters: Sequence[DeadLetter]) -> None:
        for topic, letter in {self._listens_to(letter.subscription): letter for letter in letters}.items():
            self._publish_again(letter, topic)

    def _topic_of(self, subscription: str) -> str:
        return STANDING.get(subscription) or self._listens_to(subscription)

    def _listens_to(self, subscription: str) -> str:
        """Pub/Sub's own word for it. Raises SubscriptionMissing."""
        path = self._named.subscription(subscription)
        with reaching_subscription(subscription):
            found = self._subscriber.get_subscription(subscription=path, **CALL).topic
        return str(found).removeprefix(self._named.topic(""))


def _batches(messages: Sequence[PubsubMessage]) -> Iterator[Sequence[PubsubMessage]]:
    batch: list[PubsubMessage] = []
    size = 0
    for message in messages:
        bytes_ = PubsubMessage.pb(message).ByteSize()
        if batch and (len(batch) == MOST_MESSAGES or size + bytes_ > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += bytes_
    if batch:
        yield batch


def _delivery(received: ReceivedMessage, subscription: str) -> Delivery:
    attributes = dict(received.message.attributes)
    return Delivery(
        message_id=envelope.identity(attributes, received.message.message_id),
        body=received.message.data,
        attributes=envelope.senders(attributes),
        delivery_attempt=max(received.delivery_attempt, 1),
        subscription=subscription,
        receipt=received.ack_id,
    )


def _dead_letter(received: ReceivedMessage, prefix: str) -> DeadLetter:
    return envelope.dead_letter(
        received.message.data,
        dict(received.message.attributes),
        brokers_id=received.message.message_id,
        published_at=received.message.publish_time,
        prefix=prefix,
    )
