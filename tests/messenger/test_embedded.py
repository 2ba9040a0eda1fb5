"""What only the embedded messenger promises: one file, several processes, and nothing lost when one is killed."""

import json
import signal
import sqlite3
import threading
import time
from datetime import timedelta
from statistics import median, quantiles

import pytest

from messenger import embedded, mailbox
from messenger.embedded import LARGEST_BODY, EmbeddedMessenger
from messenger.messenger import (
    INVOKER_REQUESTS,
    REGISTER_STATUSES,
    REQUESTS,
    STATUSES,
    MessageTooLarge,
    MessengerUnavailable,
    SubscriptionMissing,
)
from tests.processes import outputs, process

OPEN = """
import sys
from pathlib import Path
from messenger.embedded import EmbeddedMessenger
from messenger.messenger import INVOKER_REQUESTS, REQUESTS
messenger = EmbeddedMessenger(Path(sys.argv[1]), lease=float(sys.argv[2]))
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "messenger.db"


@pytest.fixture
def messenger(path):
    messenger = EmbeddedMessenger(path)
    messenger.setup()
    yield messenger
    messenger.close()


# several processes


def test_every_acknowledged_publish_outlives_a_killed_process(path, messenger):
    publish = OPEN + "while True: print(messenger.publish(REQUESTS, b'body', {}), flush=True)"
    with process(publish, path, 30) as publisher:
        told = [publisher.stdout.readline().strip() for _ in range(200)]
        publisher.send_signal(signal.SIGKILL)
        told += publisher.stdout.read().split()

    kept = {delivery.message_id for delivery in messenger.pull(INVOKER_REQUESTS, limit=10_000, wait=0)}

    assert len(told) >= 200
    assert set(told) <= kept


def test_a_message_in_the_hands_of_a_killed_process_is_delivered_again(path, messenger):
    message_id = messenger.publish(REQUESTS, b"body", {})
    take = OPEN + "print(messenger.pull(INVOKER_REQUESTS, limit=1, wait=5)[0].message_id, flush=True); input()"
    with process(take, path, 0.5) as taker:
        assert taker.stdout.readline().strip() == message_id
        taker.send_signal(signal.SIGKILL)

        (again,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=5)

    assert (again.message_id, again.delivery_attempt) == (message_id, 2)


def test_several_processes_share_the_work_and_none_gets_what_another_has(path, messenger):
    ids = messenger.publish_many(REQUESTS, [(b"body", {})] * 300)
    work = (
        OPEN
        + """
while taken := messenger.pull(INVOKER_REQUESTS, limit=3, wait=0.3):
    for delivery in taken:
        print(delivery.message_id)
        messenger.ack(delivery)
"""
    )

    handled = outputs([(work, (path, 30))] * 3)

    assert sorted(message_id for one in handled for message_id in one) == sorted(ids)


def test_processes_that_open_a_new_file_together_all_succeed(path):
    made = outputs([(OPEN + "messenger.setup(); print(messenger.missing())", (path, 30))] * 4)

    assert made == [["[]"]] * 4


def test_a_message_is_felt_in_another_process_within_milliseconds(path, messenger):
    """The promise is 20 ms for half and 100 ms for all but one of a hundred; twice that here, on busy machines."""
    publish = OPEN + "import time\n" + "for line in sys.stdin: messenger.publish(REQUESTS, b'%.9f' % time.time(), {})"
    waited = []
    with process(publish, path, 30) as publisher:
        for _ in range(60):
            publisher.stdin.write("go\n")
            (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
            waited.append(time.time() - float(delivery.body))
            messenger.ack(delivery)

    assert median(waited[10:]) <= 0.04
    assert quantiles(waited[10:], n=100)[98] <= 0.2


def test_waiting_for_messages_leaves_the_processor_alone(messenger):
    before = time.process_time()

    messenger.pull(INVOKER_REQUESTS, limit=1, wait=1)

    assert time.process_time() - before < 0.1


# the file


def hold_lock(path):
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    return holder


def test_a_write_waits_for_another_process_that_writes(path, messenger):
    holder = hold_lock(path)
    done = []
    publisher = threading.Thread(target=lambda: done.append(messenger.publish(REQUESTS, b"body", {})))
    publisher.start()
    time.sleep(0.1)
    assert not done

    holder.execute("ROLLBACK")
    publisher.join(5)

    assert done


def test_a_file_locked_for_too_long_is_unavailable_and_nothing_is_sent(path, messenger):
    impatient = EmbeddedMessenger(path, lock_wait=0.2)
    holder = hold_lock(path)
    started = time.monotonic()

    with pytest.raises(MessengerUnavailable, match="locked by another process for more than"):
        impatient.publish(REQUESTS, b"body", {})

    assert time.monotonic() - started < 2
    holder.execute("ROLLBACK")
    assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=0) == []
    assert impatient.publish(REQUESTS, b"body", {})


def test_a_file_that_was_removed_takes_no_more_messages(path, messenger):
    for file in path.parent.iterdir():
        file.unlink()

    with pytest.raises(MessengerUnavailable, match="removed or replaced"):
        messenger.publish(REQUESTS, b"body", {})


def test_a_file_that_is_no_database_is_unavailable(path):
    path.parent.mkdir()
    path.write_bytes(b"no database " * 1000)

    with pytest.raises(MessengerUnavailable, match="not a database"):
        EmbeddedMessenger(path)


def test_a_file_of_another_layout_is_refused(path, messenger):
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=99")

    with pytest.raises(MessengerUnavailable, match="layout 99"):
        EmbeddedMessenger(path)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(MessengerUnavailable, match="cannot be opened"):
        EmbeddedMessenger(tmp_path / "file" / "messenger.db")


def test_only_the_owner_may_read_the_file(path, messenger):
    assert [file.stat().st_mode & 0o077 for file in path.parent.iterdir()] == [0, 0, 0]


def test_a_body_beyond_the_largest_is_refused_and_the_largest_is_carried(messenger):
    with pytest.raises(MessageTooLarge, match=str(LARGEST_BODY + 1)):
        messenger.publish(REQUESTS, b"x" * (LARGEST_BODY + 1), {})

    messenger.publish(REQUESTS, b"x" * LARGEST_BODY, {})
    assert len(messenger.pull(INVOKER_REQUESTS, limit=1, wait=1)[0].body) == LARGEST_BODY


def sizes(path):
    return {file.name: file.stat().st_size for file in path.parent.iterdir()}


def test_what_was_handled_leaves_no_growing_file_behind(path, messenger, monkeypatch):
    monkeypatch.setattr(embedded, "HOUSEKEEPING_EVERY", 0.0)
    monkeypatch.setattr(embedded, "SHRINKING_EVERY", 0.0)
    for _ in range(3):
        messenger.publish_many(REQUESTS, [(b"x" * 4000, {"run_id": "r"})] * 2000)
        while taken := messenger.pull(INVOKER_REQUESTS, limit=1000, wait=0):
            for delivery in taken:
                messenger.ack(delivery)

    messenger.pull(INVOKER_REQUESTS, limit=1, wait=0.2)
    messenger.close()

    assert sum(sizes(path).values()) < 2_000_000


def test_nothing_is_kept_of_a_status_that_nobody_subscribed_to(messenger):
    messenger.unsubscribe(REGISTER_STATUSES)

    messenger.publish(STATUSES, b"body", {})

    assert messenger._file.read("SELECT count(*) FROM deliveries") == [(0,)]


def test_a_request_that_nobody_would_get_is_not_taken(messenger):
    """Whoever asked would be told that it is accepted, and wait for ever."""
    messenger.unsubscribe(INVOKER_REQUESTS)

    with pytest.raises(MessengerUnavailable, match="nobody would get it"):
        messenger.publish_many(REQUESTS, [(b"body", {}), (b"body", {})])

    messenger.setup()
    assert messenger.publish(REQUESTS, b"body", {})


def test_what_is_given_back_counts_as_not_delivered(messenger):
    messenger.publish(REQUESTS, b"body", {})
    (first,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=0)

    messenger.give_back(first)

    (again,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=0)
    assert again.delivery_attempt == 1


# time


def test_a_subscription_that_is_not_used_expires_with_what_it_holds(messenger):
    messenger.subscribe("waiter", STATUSES, expires_after=timedelta(seconds=0.2))
    messenger.publish(STATUSES, b"body", {})
    time.sleep(0.25)

    with pytest.raises(SubscriptionMissing):
        messenger.pull("waiter", limit=1, wait=0)
    messenger._file.write(lambda file: mailbox.keep_house(file, lease=30))

    left = messenger._file.read("SELECT subscription FROM deliveries")
    assert left == [("statuses-register",)]


def test_a_subscription_in_use_does_not_expire(messenger):
    messenger.subscribe("waiter", STATUSES, expires_after=timedelta(seconds=0.4))
    for _ in range(8):
        messenger.pull("waiter", limit=1, wait=0.1)

    assert messenger.pull("waiter", limit=1, wait=0) == []


def test_an_expired_subscription_that_is_made_again_starts_empty(messenger):
    messenger.subscribe("waiter", STATUSES, expires_after=timedelta(seconds=0.1))
    messenger.publish(STATUSES, b"old", {})
    time.sleep(0.15)

    messenger.subscribe("waiter", STATUSES, expires_after=timedelta(days=1))

    assert messenger.pull("waiter", limit=1, wait=0) == []


def test_a_clock_that_was_set_back_does_not_hold_messages_for_long(messenger, monkeypatch):
    with monkeypatch.context() as tomorrow:
        real = time.time
        tomorrow.setattr(mailbox.time, "time", lambda: real() + 86_400)
        messenger.publish(REQUESTS, b"body", {})

    messenger._file.write(lambda file: mailbox.keep_house(file, lease=30))

    assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=1)


def test_attributes_are_kept_as_json(messenger):
    """So that a person can look into the file with the sqlite3 command."""
    messenger.publish(REQUESTS, b"body", {"run_id": "r"})

    ((attributes,),) = messenger._file.read("SELECT attributes FROM deliveries")
    assert json.loads(attributes) == {"run_id": "r"}
