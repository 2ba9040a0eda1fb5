"""The Messenger in one SQLite file: no server, for the processes of one machine.

What is published is synced to the disk before `publish` returns. Leases, acknowledgements and burials are not
synced: they outlive a killed process, and a power failure may undo them, which only delivers a message again.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from sqlite3 import Connection

from messenger import mailbox
from messenger.messenger import (
    LONGEST_DELAY,
    STANDING,
    DeadLetter,
    Delivery,
    MessageTooLarge,
    MessengerUnavailable,
    Topic,
)
from sqlite_file import SqliteFile

LARGEST_BODY = 10 * 1024 * 1024
"""Bytes."""
SHORTEST_POLL, LONGEST_POLL = 0.001, 0.015
"""Seconds between two looks at the file's change counter, more and more while nothing happens."""
HOUSEKEEPING_EVERY, SHRINKING_EVERY = 30.0, 0.2
"""Seconds; the second while there is space to give back."""


class EmbeddedMessenger:
    """`lease` in seconds: a message not acknowledged within it is delivered again.

    A message that was delivered `max_deliveries` times and not acknowledged is a dead letter. `lock_wait` in
    seconds: how long a write waits for another process before it raises MessengerUnavailable.
    """

    def __init__(self, path: Path, *, lease: float = 30, max_deliveries: int = 5, lock_wait: float = 10) -> None:
        self._lease = lease
        self._max_deliveries = max_deliveries
        self._file = SqliteFile(
            path,
            mailbox.SCHEMA,
            version=mailbox.SCHEMA_VERSION,
            unavailable=MessengerUnavailable,
            lock_wait=lock_wait,
        )
        self._housekeeping_due = time.monotonic()

    def publish(self, topic: Topic, body: bytes, attributes: Mapping[str, str]) -> str:
        return self.publish_many(topic, [(body, attributes)])[0]

    def publish_many(self, topic: Topic, messages: Sequence[tuple[bytes, Mapping[str, str]]]) -> Sequence[str]:
        for body, _ in messages:
            if len(body) > LARGEST_BODY:
                raise MessageTooLarge(f"a message of {len(body)} bytes; at most {LARGEST_BODY} can be published")
        rows = [mailbox.new_message(topic, body, attributes) for body, attributes in messages]
        self._file.write(lambda file: mailbox.fan_out(file, topic, rows))
        return [str(row["message_id"]) for row in rows]

    def subscribe(
        self, name: str, topic: Topic, *, run_id: str | None = None, expires_after: timedelta | None = None
    ) -> None:
        seconds = None if expires_after is None else expires_after.total_seconds()
        row = (name, topic, run_id, seconds, None if seconds is None else time.time() + seconds)

        def make(file: Connection) -> None:
            mailbox.remove_expired(file)
            file.execute("INSERT OR IGNORE INTO subscriptions VALUES (?, ?, ?, ?, ?)", row)

        self._file.write(make)

    def unsubscribe(self, name: str) -> None:
        self._file.write(lambda file: mailbox.remove_subscription(file, name))

    def subscriptions(self) -> Sequence[str]:
        return [name for (name,) in self._file.read(mailbox.NAMES, time.time())]

    def pull(self, subscription: str, *, limit: int, wait: float) -> Sequence[Delivery]:
        give_up = time.monotonic() + wait
        while True:
            self._keep_house()
            seen = self._file.version()
            due_in = self._look(subscription).next_due - time.time()
            if due_in <= 0 and (taken := self._take(subscription, limit)):
                return taken
            left = give_up - time.monotonic()
            if left <= 0:
                return []
            self._wait_for_change(seen, seconds=min(due_in, left))

    def ack(self, *deliveries: Delivery) -> None:
        self._file.write(lambda file: mailbox.remove(file, deliveries), durable=False)

    def nack(self, delivery: Delivery, *, delay: float = 0, reason: str = "") -> None:
        if delivery.delivery_attempt >= self._max_deliveries:
            self.bury(delivery, reason or f"refused at delivery {delivery.delivery_attempt}, the last one")
        else:
            self._due_in(delivery, delay)

    def give_back(self, *deliveries: Delivery) -> None:
        self._file.write(lambda file: mailbox.give_back(file, deliveries), durable=False)

    def extend(self, delivery: Delivery, seconds: float) -> None:
        self._due_in(delivery, seconds)

    def bury(self, delivery: Delivery, reason: str) -> None:
        if not delivery.receipt:
            self._file.write(lambda file: mailbox.set_aside(file, delivery, reason))
            return
        row = mailbox.row_of(delivery)
        self._file.write(lambda file: mailbox.bury(file, row, reason), durable=False)

    def dead_letters(self) -> Sequence[DeadLetter]:
        return [mailbox.as_dead_letter(row) for row in self._file.read(mailbox.DEAD_LETTERS)]

    def replay(self, *message_ids: str) -> Mapping[str, str]:
        return self._file.write(lambda file: mailbox.revive(file, message_ids))

    def drop(self, *message_ids: str) -> Mapping[str, str]:
        return self._file.write(lambda file: mailbox.forget(file, message_ids))

    def missing(self) -> Sequence[str]:
        there = {name for (name,) in self._file.read("SELECT name FROM subscriptions")}
        return [
            f"subscription {name} to topic {topic}: make messenger-setup"
            for name, topic in STANDING.items()
            if name not in there
        ]

    def setup(self) -> None:
        if self.missing():
            for name, topic in STANDING.items():
                self.subscribe(name, topic)

    def close(self) -> None:
        self._file.close()

    def _look(self, name: str) -> mailbox.Subscription:
        """Looking is using: it puts off the subscription's expiry."""
        now = time.time()
        found = mailbox.as_subscription(self._file.read(mailbox.SUBSCRIPTION, name, now), name)
        if not found.used_lately(now):
            self._file.write(lambda file: mailbox.note_use(file, name), durable=False)
        return found

    def _take(self, subscription: str, limit: int) -> Sequence[Delivery]:
        return self._file.write(
            lambda file: mailbox.take(
                file, subscription, limit=limit, lease=self._lease, max_deliveries=self._max_deliveries
            ),
            durable=False,
        )

    def _due_in(self, delivery: Delivery, seconds: float) -> None:
        self._file.write(
            lambda file: mailbox.postpone(file, delivery, time.time() + min(seconds, LONGEST_DELAY)), durable=False
        )

    def _wait_for_change(self, seen: tuple[int, int], *, seconds: float) -> None:
        """Until something is committed in any process, at most so long."""
        until = time.monotonic() + seconds
        pause = SHORTEST_POLL
        while self._file.version() == seen and (left := until - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            pause = min(pause * 1.2, LONGEST_POLL)

    def _keep_house(self) -> None:
        """Whoever waits for messages keeps the file small."""
        if time.monotonic() < self._housekeeping_due:
            return
        self._file.write(lambda file: mailbox.keep_house(file, lease=self._lease), durable=False)
        more = self._file.shrink()
        self._housekeeping_due = time.monotonic() + (SHRINKING_EVERY if more else HOUSEKEEPING_EVERY)
