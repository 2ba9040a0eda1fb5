"""The consumer's loop on every adapter."""

import threading
import time
from collections import Counter

import pytest

import messenger.consume
import tests.consuming
from errors import Permanent, Retryable
from messenger.consume import growing
from messenger.messenger import INVOKER_REQUESTS, REQUESTS, MessengerUnavailable
from tests.consuming import SOON, until

ATTRIBUTES = {"run_id": "rfm-2026-01-05-1"}


@pytest.fixture(autouse=True)
def _short_delays(carrier, monkeypatch):
    """A test sees that something is tried again without waiting for it."""
    monkeypatch.setattr(messenger.consume, "growing", lambda count, longest: growing(count, longest) * carrier.hurry)


def consuming(messenger, handle, **options):
    return tests.consuming.consuming(messenger, INVOKER_REQUESTS, handle, **options)


class Handler:
    """Counts what it is given, and answers each body as a test says."""

    def __init__(self, **answers):
        self.answers = answers
        self.seen = Counter()
        self.attempts = []

    def __call__(self, delivery):
        body = delivery.body.decode()
        self.seen[body] += 1
        self.attempts.append(delivery.delivery_attempt)
        if answer := self.answers.get(body):
            answer(self.seen[body])


def raising(error, times=10**6):
    def answer(count):
        if count <= times:
            raise error

    return answer


def publish(messenger, *bodies):
    return messenger.publish_many(REQUESTS, [(body.encode(), ATTRIBUTES) for body in bodies])


def test_what_was_handled_is_acknowledged(carrier, leasing):
    handle = Handler()
    publish(leasing, *(str(number) for number in range(20)))

    with consuming(leasing, handle, lease=carrier.lease):
        until(lambda: len(handle.seen) == 20, "20 handled")

    assert carrier.nothing_left(leasing, INVOKER_REQUESTS)
    assert leasing.dead_letters() == []


def test_a_message_that_cannot_be_handled_is_buried_and_its_neighbours_go_on(messenger):
    handle = Handler(poison=raising(Permanent("no such\nstep")))
    publish(messenger, "before", "poison", "after")

    with consuming(messenger, handle, threads=1):
        until(lambda: messenger.dead_letters() and handle.seen["before"] and handle.seen["after"], "all three")

    (letter,) = messenger.dead_letters()
    assert (letter.body, letter.reason, letter.deliveries) == (b"poison", "no such step", 1)


def test_what_may_pass_is_tried_again_and_counts_as_no_delivery(carrier, leasing):
    """More tries than deliveries are allowed, while the one thread serves the neighbour."""
    handle = Handler(later=raising(Retryable("Prefect is down"), times=6))
    publish(leasing, "later", "neighbour")

    with consuming(leasing, handle, threads=1, lease=carrier.lease):
        until(lambda: handle.seen["later"] == 7 and handle.seen["neighbour"] == 1, "seven tries")

    assert set(handle.attempts) == {1}
    assert carrier.nothing_left(leasing, INVOKER_REQUESTS)
    assert leasing.dead_letters() == []


def test_what_waits_for_its_next_try_is_given_back_at_each_end_and_never_dies_of_it(carrier, messenger, monkeypatch):
    """As when the invoker is started again and again while Prefect is down: more often than there are deliveries."""
    monkeypatch.setattr("messenger.consume.growing", lambda count, longest: 600.0)
    handle = Handler(later=raising(Retryable("Prefect is down")))
    publish(messenger, "later")
    # the emulator may give it to a call that just ended: then it comes a lease later
    consumer = carrier.open(max_deliveries=2, lease=10)
    consumer.setup()

    for start in range(1, 5):
        with consuming(consumer, handle, lease=10):
            until(lambda start=start: handle.seen["later"] == start, f"the try after start {start}")

    consumer.close()
    assert messenger.dead_letters() == []
    # the emulator may keep for a lease what it sent to a client that was just closed
    assert carrier.open().pull(INVOKER_REQUESTS, limit=1, wait=3 * SOON)[0].body == b"later"


def test_an_unknown_error_is_delivered_again(carrier, leasing):
    handle = Handler(flaky=raising(ValueError("secret"), times=2))
    publish(leasing, "flaky")

    with consuming(leasing, handle, lease=carrier.lease):
        until(lambda: handle.seen["flaky"] == 3, "the third delivery")

    assert handle.attempts == [1, 2, 3]
    assert carrier.nothing_left(leasing, INVOKER_REQUESTS)


def test_an_unknown_error_without_end_is_a_dead_letter_that_tells_no_data(carrier, caplog):
    messenger = carrier.open(max_deliveries=5)
    messenger.setup()
    handle = Handler(broken=raising(ValueError("customer 4711 is broken")), exits=raising(SystemExit(3)))
    publish(messenger, "broken", "exits", "neighbour")

    with consuming(messenger, handle, threads=2):
        until(lambda: len(messenger.dead_letters()) == 2, "the dead letters")

    reasons = sorted(letter.reason for letter in messenger.dead_letters())
    assert reasons[0].startswith("SystemExit in the handler, test_consume.py:")
    assert reasons[1].startswith("ValueError in the handler, test_consume.py:")
    assert handle.seen == {"broken": 5, "exits": 5, "neighbour": 1}
    assert "4711" not in caplog.text


def test_a_lease_is_extended_while_the_handler_works(carrier, messenger):
    looked = threading.Event()
    lease = max(0.3, carrier.tick)
    handle = Handler(slow=lambda _: looked.wait(SOON))
    publish(messenger, "slow")
    consumer = carrier.open(lease=lease)

    with consuming(consumer, handle, lease=lease):
        until(lambda: handle.seen["slow"], "the start of the work")
        assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=2 * lease) == []
        looked.set()

    assert handle.seen["slow"] == 1
    assert carrier.nothing_left(consumer, INVOKER_REQUESTS)


def test_no_more_is_in_work_than_there_are_threads(messenger):
    working, most = [], []
    lock = threading.Lock()

    def handle(delivery):
        with lock:
            working.append(delivery)
            most.append(len(working))
        time.sleep(0.01)
        with lock:
            working.remove(delivery)

    publish(messenger, *(str(number) for number in range(30)))

    with consuming(messenger, handle, threads=3):
        until(lambda: len(most) == 30, "30 handled")

    assert max(most) == 3


def test_stopping_lets_the_work_in_hand_finish_and_takes_no_more(carrier, messenger):
    begun, may_end, ended = threading.Event(), threading.Event(), []

    def handle(delivery):
        begun.set()
        may_end.wait(SOON)
        ended.append(delivery.body)

    publish(messenger, "one", "two")
    with consuming(messenger, handle, threads=1) as stop:
        begun.wait(SOON)
        stop.set()
        may_end.set()

    assert len(ended) == 1
    left = carrier.open().pull(INVOKER_REQUESTS, limit=2, wait=SOON)
    assert [delivery.body for delivery in left] == [b"two" if ended == [b"one"] else b"one"]


class Unreliable:
    """A messenger that cannot be reached now and then."""

    def __init__(self, messenger, **failures):
        self._messenger = messenger
        self._failures = failures

    def __getattr__(self, name):
        if self._failures.get(name, 0) > 0:
            self._failures[name] -= 1
            return self._fail
        return getattr(self._messenger, name)

    @staticmethod
    def _fail(*args, **kwargs):
        raise MessengerUnavailable("unplugged")


def test_a_messenger_that_cannot_be_reached_is_waited_for(carrier, leasing):
    handle = Handler()
    publish(leasing, "one", "two")

    with consuming(Unreliable(leasing, pull=3), handle, lease=carrier.lease):
        until(lambda: len(handle.seen) == 2, "both handled")

    assert carrier.nothing_left(leasing, INVOKER_REQUESTS)


def test_an_acknowledgement_that_does_not_get_through_delivers_the_message_again(carrier):
    messenger = carrier.open(lease=carrier.tick)
    messenger.setup()
    handle = Handler()
    publish(messenger, "twice")

    with consuming(Unreliable(messenger, ack=1, extend=10**6), handle):
        until(lambda: handle.seen["twice"] == 2, "the second delivery")

    assert messenger.dead_letters() == []


def test_delays_grow_to_the_longest():
    assert [growing(count, 30) for count in (1, 2, 3, 4, 5, 6, 10**6)] == [1, 2, 4, 8, 16, 30, 30]
