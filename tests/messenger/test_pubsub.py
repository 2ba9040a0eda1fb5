"""What only the Pub/Sub messenger promises: its calls, and errors of Google's as errors of ours."""

from collections import deque

import pytest
from google.api_core.retry import Retry
from google.pubsub_v1 import PubsubMessage, PullResponse, ReceivedMessage

from messenger import pubsub_calls
from messenger.messenger import (
    INVOKER_REQUESTS,
    REGISTER_STATUSES,
    REQUESTS,
    STATUSES,
    MessageTooLarge,
    MessengerUnavailable,
    SubscriptionMissing,
)
from messenger.pubsub import LARGEST_BODY, PubSubMessenger, _batches
from messenger.pubsub_calls import Refused
from tests.messenger.emulated import PROJECT


def test_a_publish_call_is_within_pubsubs_bounds():
    many = [PubsubMessage(data=b"x") for _ in range(2500)]
    large = [PubsubMessage(data=b"x" * 4_000_000) for _ in range(3)]

    assert [len(batch) for batch in _batches(many)] == [1000, 1000, 500]
    assert [len(batch) for batch in _batches(large)] == [2, 1]
    assert list(_batches([])) == []


class Brought:
    """A call to pull that has brought these."""

    def __init__(self, *received):
        self._received = received

    def cancel(self):
        """Too late."""

    def cancelled(self):
        return False

    def exception(self):
        return None

    def result(self, timeout=None):
        return PullResponse(received_messages=self._received)


def received(body, attempt):
    return ReceivedMessage(ack_id=f"receipt of {body}", message=PubsubMessage(data=body), delivery_attempt=attempt)


def test_a_message_that_cannot_even_be_buried_takes_no_neighbour_with_it(opened, monkeypatch):
    def refused(*_):
        raise Refused("no")

    monkeypatch.setattr(opened, "_publish_dead", refused)
    monkeypatch.setattr(opened, "_call", lambda *_: Brought(received(b"poison", 6), received(b"neighbour", 1)))

    with pytest.raises(Refused):
        opened.pull(INVOKER_REQUESTS, limit=2, wait=0)

    (delivery,) = opened.pull(INVOKER_REQUESTS, limit=1, wait=0)
    assert delivery.body == b"neighbour"


class TakenByAnother(deque):
    """Not empty when it is looked at, and empty when something is taken."""

    def __bool__(self):
        return True


def test_two_threads_may_pull_one_subscription(messenger):
    messenger._calls[INVOKER_REQUESTS] = TakenByAnother()
    messenger._arrived[INVOKER_REQUESTS] = TakenByAnother()
    messenger.publish(REQUESTS, b"body", {})

    (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)

    assert delivery.body == b"body"


def test_a_call_that_outlives_its_caller_brings_its_message_to_the_next_pull(messenger):
    assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=0.2) == []
    messenger.publish(REQUESTS, b"body", {})

    (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)

    assert delivery.delivery_attempt == 1


def test_more_than_asked_for_is_kept_for_the_next_pull(messenger):
    assert messenger.pull(INVOKER_REQUESTS, limit=10, wait=0.2) == []
    messenger.publish_many(REQUESTS, [(b"1", {}), (b"2", {}), (b"3", {})])
    pulled = []
    for _ in range(3):
        (one,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
        pulled.append(one)

    assert sorted(one.body for one in pulled) == [b"1", b"2", b"3"]


def test_what_came_for_a_pull_that_never_followed_is_given_back_at_the_end(messenger):
    """As when a consumer gives back at its end what waits: it comes to the call that is still open."""
    ending = PubSubMessenger(PROJECT, prefix=messenger._named.prefix)
    assert ending.pull(INVOKER_REQUESTS, limit=10, wait=0.2) == []
    messenger.publish(REQUESTS, b"body", {})
    (call,) = ending._calls[INVOKER_REQUESTS]
    assert len(call.result(timeout=10).received_messages) == 1

    ending.close()

    (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    assert delivery.body == b"body"


def test_what_was_delivered_too_often_and_came_for_nobody_is_buried_at_the_end(opened, monkeypatch):
    buried = []
    monkeypatch.setattr(opened, "_publish_dead", lambda delivery, _reason: buried.append(delivery.body))
    opened._calls[INVOKER_REQUESTS].append(Brought(received(b"poison", 6)))

    opened.close()

    assert buried == [b"poison"]


def test_what_lay_too_long_is_left_to_come_again(opened, monkeypatch):
    monkeypatch.setattr(opened, "_call", lambda *_: Brought(received(b"1", 1), received(b"2", 1)))
    assert len(opened.pull(INVOKER_REQUESTS, limit=1, wait=0)) == 1
    assert len(opened._arrived[INVOKER_REQUESTS]) == 1

    opened._lease = 0.0

    assert opened._take(INVOKER_REQUESTS, 1) == []


@pytest.fixture
def impatient(monkeypatch):
    short = Retry(predicate=pubsub_calls.CALL["retry"]._predicate, initial=0.05, timeout=0.3)
    monkeypatch.setitem(pubsub_calls.CALL, "retry", short)
    monkeypatch.setitem(pubsub_calls.CALL, "timeout", 0.3)


@pytest.mark.parametrize(
    "act",
    [
        lambda messenger: messenger.publish(REQUESTS, b"body", {}),
        lambda messenger: messenger.pull(INVOKER_REQUESTS, limit=1, wait=1),
        lambda messenger: messenger.subscribe("waiter", STATUSES),
        lambda messenger: messenger.dead_letters(),
        lambda messenger: messenger.missing(),
        lambda messenger: messenger.setup(),
    ],
    ids=["publish", "pull", "subscribe", "dead_letters", "missing", "setup"],
)
def test_a_service_that_does_not_answer_is_unavailable(act, impatient, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    messenger = PubSubMessenger(PROJECT)

    with pytest.raises(MessengerUnavailable, match="cannot be reached"):
        act(messenger)

    messenger.close()


def test_without_credentials_it_is_unavailable(monkeypatch, tmp_path):
    monkeypatch.delenv("PUBSUB_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))

    with pytest.raises(MessengerUnavailable, match="cannot be used"):
        PubSubMessenger(PROJECT)


def test_a_topic_that_is_not_there_is_unavailable_and_a_subscription_missing(opened):
    with pytest.raises(MessengerUnavailable, match="topic requests is not there"):
        opened.publish(REQUESTS, b"body", {})
    with pytest.raises(SubscriptionMissing, match=REGISTER_STATUSES):
        opened.pull(REGISTER_STATUSES, limit=1, wait=1)


def test_a_body_beyond_the_largest_is_refused_before_it_is_sent(messenger):
    with pytest.raises(MessageTooLarge, match=str(LARGEST_BODY + 1)):
        messenger.publish(REQUESTS, b"x" * (LARGEST_BODY + 1), {})
