"""The tables of the embedded messenger's file, and what is done to them inside one transaction.

Each subscription has its own copy of a message: to acknowledge is to delete a row, and what nobody subscribed
to is never kept. `due_at` is when a copy may be delivered (next): the end of its lease, or of a nack's delay.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from sqlite3 import Connection
from uuid import uuid4

from messenger.messenger import (
    LONGEST_DELAY,
    REQUESTS,
    STANDING,
    DeadLetter,
    Delivery,
    MessengerUnavailable,
    SubscriptionMissing,
    Topic,
)

SCHEMA_VERSION = 1
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS subscriptions (
        name TEXT PRIMARY KEY, topic TEXT NOT NULL, run_id TEXT, expires_after REAL, expires_at REAL
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, subscription TEXT NOT NULL, message_id TEXT NOT NULL,
        topic TEXT NOT NULL, attributes TEXT NOT NULL, due_at REAL NOT NULL, attempts INTEGER NOT NULL,
        body BLOB NOT NULL
    )""",
    "CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (subscription, due_at)",
    """CREATE TABLE IF NOT EXISTS dead_letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT NOT NULL, topic TEXT NOT NULL,
        subscription TEXT NOT NULL, attributes TEXT NOT NULL, deliveries INTEGER NOT NULL, reason TEXT NOT NULL,
        buried_at REAL NOT NULL, body BLOB NOT NULL, UNIQUE (message_id, subscription)
    )""",
)

FAN_OUT = """
    INSERT INTO deliveries (subscription, message_id, topic, attributes, due_at, attempts, body)
    SELECT name, :message_id, topic, :attributes, :now, 0, :body FROM subscriptions
    WHERE topic = :topic AND (run_id IS NULL OR run_id = :run_id) AND (expires_at IS NULL OR expires_at > :now)
"""
SUBSCRIPTION = """
    SELECT expires_after, expires_at, (SELECT min(due_at) FROM deliveries WHERE subscription = name)
    FROM subscriptions WHERE name = ? AND (expires_at IS NULL OR expires_at > ?)
"""
NAMES = "SELECT name FROM subscriptions WHERE expires_at IS NULL OR expires_at > ? ORDER BY name"
DUE = """
    SELECT id, message_id, body, attributes, attempts FROM deliveries
    WHERE subscription = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?
"""
BURY = """
    INSERT OR REPLACE INTO dead_letters
        (message_id, topic, subscription, attributes, deliveries, reason, buried_at, body)
    SELECT message_id, topic, subscription, attributes, attempts, ?, ?, body FROM deliveries WHERE id = ?
"""
SET_ASIDE = """
    INSERT INTO dead_letters (message_id, topic, subscription, attributes, deliveries, reason, buried_at, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
DEAD_LETTERS = """
    SELECT message_id, topic, subscription, body, attributes, deliveries, reason, buried_at
    FROM dead_letters ORDER BY id
"""
FORGET = "DELETE FROM dead_letters WHERE message_id = ?"
REVIVE = """
    INSERT INTO deliveries (subscription, message_id, topic, attributes, due_at, attempts, body)
    SELECT subscription, message_id, topic, attributes, ?, 0, body FROM dead_letters WHERE message_id = ?
"""


@dataclass(frozen=True, slots=True)
class Subscription:
    """`next_due` is when its next message may be delivered, infinity when it holds none."""

    expires_after: float | None
    expires_at: float | None
    next_due: float

    def used_lately(self, now: float) -> bool:
        """Uses are written down roughly, so that waiting does not write: to the minute, or a tenth of its time."""
        if self.expires_after is None or self.expires_at is None:
            return True
        return now + self.expires_after - self.expires_at <= min(60, self.expires_after / 10)


def new_message(topic: Topic, body: bytes, attributes: Mapping[str, str]) -> dict[str, object]:
    return {
        "message_id": uuid4().hex,
        "topic": topic,
        "attributes": json.dumps(dict(attributes)),
        "run_id": attributes.get("run_id"),
        "body": body,
        "now": time.time(),
    }


def fan_out(file: Connection, topic: Topic, messages: Sequence[Mapping[str, object]]) -> None:
    """A copy for each subscription. A status that nobody asked for is let go; a request would be waited for."""
    copies = file.executemany(FAN_OUT, messages).rowcount
    if topic == REQUESTS and copies < len(messages):
        raise MessengerUnavailable(
            f"nobody would get it: there is no subscription to {topic}; start the invoker, or make messenger-setup"
        )


def as_subscription(rows: Sequence[tuple[float | None, float | None, float | None]], name: str) -> Subscription:
    if not rows:
        raise SubscriptionMissing(f"there is no subscription {name}: it was never made, or it expired")
    expires_after, expires_at, next_due = rows[0]
    return Subscription(expires_after, expires_at, float("inf") if next_due is None else next_due)


def as_dead_letter(row: tuple[str, Topic, str, bytes, str, int, str, float]) -> DeadLetter:
    message_id, topic, subscription, body, attributes, deliveries, reason, buried_at = row
    return DeadLetter(
        message_id=message_id,
        topic=topic,
        subscription=subscription,
        body=body,
        attributes=json.loads(attributes),
        deliveries=deliveries,
        reason=reason,
        buried_at=datetime.fromtimestamp(buried_at, UTC),
    )


def row_of(delivery: Delivery) -> int:
    """The receipt is the row of the subscription's copy; rows are never used twice."""
    return int(delivery.receipt)


def take(file: Connection, subscription: str, *, limit: int, lease: float, max_deliveries: int) -> Sequence[Delivery]:
    """Leases what is due. What was delivered `max_deliveries` times before is a dead letter instead."""
    now = time.time()
    taken = []
    for row, message_id, body, attributes, attempts in file.execute(DUE, (subscription, now, limit)).fetchall():
        if attempts >= max_deliveries:
            bury(file, row, f"delivered {attempts} times and never acknowledged")
            continue
        file.execute("UPDATE deliveries SET attempts = attempts + 1, due_at = ? WHERE id = ?", (now + lease, row))
        taken.append(Delivery(message_id, body, json.loads(attributes), attempts + 1, subscription, str(row)))
    return taken


def postpone(file: Connection, delivery: Delivery, due_at: float) -> None:
    """Only while the lease is still this delivery's: a later attempt is another's."""
    file.execute(
        "UPDATE deliveries SET due_at = ? WHERE id = ? AND attempts = ?",
        (due_at, row_of(delivery), delivery.delivery_attempt),
    )


def give_back(file: Connection, deliveries: Sequence[Delivery]) -> None:
    """As if they had not been delivered. Only while the lease is still theirs."""
    file.executemany(
        "UPDATE deliveries SET due_at = ?, attempts = attempts - 1 WHERE id = ? AND attempts = ?",
        [(time.time(), row_of(delivery), delivery.delivery_attempt) for delivery in deliveries],
    )


def remove(file: Connection, deliveries: Sequence[Delivery]) -> None:
    file.executemany("DELETE FROM deliveries WHERE id = ?", [(row_of(delivery),) for delivery in deliveries])


def bury(file: Connection, row: int, reason: str) -> None:
    file.execute(BURY, (reason, time.time(), row))
    file.execute("DELETE FROM deliveries WHERE id = ?", (row,))


def set_aside(file: Connection, delivery: Delivery, reason: str) -> None:
    """A dead letter of a message that was never delivered."""
    values = (
        *(delivery.message_id, STANDING[delivery.subscription], delivery.subscription),
        *(json.dumps(dict(delivery.attributes)), delivery.delivery_attempt, reason, time.time(), delivery.body),
    )
    file.execute(SET_ASIDE, values)


def revive(file: Connection, message_ids: Sequence[str]) -> Mapping[str, str]:
    """Delivers dead letters again; why not, by id, of those that stay."""
    stay = {}
    for message_id in message_ids:
        there = _died_on(file, message_id)
        if gone := [name for name, is_there in there.items() if not is_there]:
            stay[message_id] = f"there is no subscription {gone[0]} any more: nobody would get it"
        elif there:
            file.execute(REVIVE, (time.time(), message_id))
            file.execute(FORGET, (message_id,))
        else:
            stay[message_id] = _no_letter(message_id)
    return stay


def forget(file: Connection, message_ids: Sequence[str]) -> Mapping[str, str]:
    """Why not, by id, of those that were not there."""
    return {one: _no_letter(one) for one in message_ids if not file.execute(FORGET, (one,)).rowcount}


def _died_on(file: Connection, message_id: str) -> Mapping[str, bool]:
    """The subscriptions of its dead letters, and whether each is still there."""
    rows = file.execute("SELECT subscription FROM dead_letters WHERE message_id = ?", (message_id,)).fetchall()
    return {name: bool(file.execute(SUBSCRIPTION, (name, time.time())).fetchall()) for (name,) in rows}


def _no_letter(message_id: str) -> str:
    return f"no dead letter has the message id {message_id}"


def remove_subscription(file: Connection, name: str) -> None:
    file.execute("DELETE FROM deliveries WHERE subscription = ?", (name,))
    file.execute("DELETE FROM subscriptions WHERE name = ?", (name,))


def note_use(file: Connection, name: str) -> None:
    file.execute("UPDATE subscriptions SET expires_at = ? + expires_after WHERE name = ?", (time.time(), name))


def remove_expired(file: Connection) -> None:
    for (name,) in file.execute("SELECT name FROM subscriptions WHERE expires_at <= ?", (time.time(),)).fetchall():
        remove_subscription(file, name)


def keep_house(file: Connection, *, lease: float) -> None:
    """Removes what expired, and mends the waiting times after a clock was set back."""
    remove_expired(file)
    now = time.time()
    file.execute("UPDATE deliveries SET due_at = ? WHERE due_at > ?", (now, now + lease + LONGEST_DELAY))
