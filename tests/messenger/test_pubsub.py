"""What only the Pub/Sub messenger promises: definitions, permissions, and errors of Google's as errors of ours."""

import time
from collections import deque
from datetime import timedelta
from uuid import uuid4

import pytest
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.pubsub_v1 import PublisherClient, PubsubMessage, PullResponse, ReceivedMessage, SubscriberClient

from messenger import pubsub, pubsub_calls
from messenger.messenger import (
    INVOKER_REQUESTS,
    REGISTER_STATUSES,
    REQUESTS,
    STATUSES,
    Delivery,
    MessageTooLarge,
    MessengerUnavailable,
    SubscriptionMissing,
)
from messenger.pubsub import LARGEST_BODY, PubSubMessenger, _batches
from messenger.pubsub_calls import Refused
from messenger.pubsub_resources import DEAD_LETTERS, Resources

PROJECT = "test-project"
NAMED = Resources("acme", "rfm-", lease=45, max_deliveries=7)


# definitions


def test_names_carry_the_prefix():
    assert NAMED.topic(REQUESTS) == "projects/acme/topics/rfm-requests"
    assert NAMED.subscription(INVOKER_REQUESTS) == "projects/acme/subscriptions/rfm-requests-invoker"


def test_a_waiter_gets_its_run_expires_and_gives_up_to_the_dead_letters():
    definition = NAMED.definition("waiter", STATUSES, run_id='r"\\1', expires_after=timedelta(days=2))

    assert definition["filter"] == 'attributes.run_id = "r\\"\\\\1"'
    assert definition["expiration_policy"] == {"ttl": timedelta(days=2)}
    assert definition["ack_deadline_seconds"] == 45
    assert definition["dead_letter_policy"] == {
        "dead_letter_topic": "projects/acme/topics/rfm-dead-letters",
        "max_delivery_attempts": 8,
    }


@pytest.mark.parametrize(("lease", "ack_deadline"), [(0.5, 10), (10, 10), (30.2, 31), (3600, 600)])
def test_a_lease_is_cut_to_what_pubsub_takes(lease, ack_deadline):
    assert Resources("p", "", lease, 5).definition("s", STATUSES)["ack_deadline_seconds"] == ack_deadline


@pytest.mark.parametrize(("wanted", "attempts"), [(1, 5), (5, 6), (99, 100), (1000, 100)])
def test_deliveries_are_cut_to_what_pubsub_takes(wanted, attempts):
    named = Resources("p", "", 30, wanted)

    assert named.definition("s", STATUSES)["dead_letter_policy"]["max_delivery_attempts"] == attempts
    assert named.dead_letter_policy(pushed=True)["max_delivery_attempts"] == 100


def test_a_standing_subscription_never_expires_and_a_waiter_not_within_a_day():
    assert NAMED.definition(INVOKER_REQUESTS, REQUESTS)["expiration_policy"] == {}
    waiter = NAMED.definition("waiter", STATUSES, expires_after=timedelta(hours=1))
    assert waiter["expiration_policy"] == {"ttl": timedelta(days=1)}


def test_a_publish_call_is_within_pubsubs_bounds():
    many = [PubsubMessage(data=b"x") for _ in range(2500)]
    large = [PubsubMessage(data=b"x" * 4_000_000) for _ in range(3)]

    assert [len(batch) for batch in _batches(many)] == [1000, 1000, 500]
    assert [len(batch) for batch in _batches(large)] == [2, 1]
    assert list(_batches([])) == []


# against the emulator


@pytest.fixture
def opened(emulator, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator)
    monkeypatch.setattr(pubsub, "LISTING_WAIT", 0.3)
    messenger = PubSubMessenger(PROJECT, prefix=f"t{uuid4().hex[:8]}-")
    yield messenger
    messenger.close()


@pytest.fixture
def messenger(opened):
    opened.setup()
    return opened


def named(messenger, name, kind="subscriptions"):
    return f"projects/{PROJECT}/{kind}/{messenger._named.prefix}{name}"


def test_everything_that_is_missing_is_listed_with_the_command_that_makes_it(opened):
    prefix = opened._named.prefix

    lines = opened.missing()

    assert [line.partition(": ")[0] for line in lines] == [
        f"topic {prefix}requests",
        f"topic {prefix}statuses",
        f"topic {prefix}dead-letters",
        f"subscription {prefix}requests-invoker",
        f"subscription {prefix}statuses-register",
        f"subscription {prefix}dead-letters",
    ]
    assert lines[0].endswith(f"gcloud pubsub topics create {prefix}requests --project={PROJECT}")
    assert lines[3].endswith(
        f"gcloud pubsub subscriptions create {prefix}requests-invoker --project={PROJECT} --topic={prefix}requests"
        f" --expiration-period=never --ack-deadline=30 --dead-letter-topic={prefix}dead-letters"
        " --max-delivery-attempts=6"
    )


def test_dead_letters_without_a_topic_or_a_subscription_are_missing(messenger):
    SubscriberClient().delete_subscription(subscription=named(messenger, DEAD_LETTERS))
    assert [line.partition(":")[0] for line in messenger.missing()] == [
        f"subscription {messenger._named.prefix}dead-letters"
    ]

    PublisherClient().delete_topic(topic=named(messenger, DEAD_LETTERS, "topics"))
    assert any(line.startswith(f"topic {messenger._named.prefix}dead-letters") for line in messenger.missing())

    messenger.setup()
    assert messenger.missing() == []


def test_a_subscription_without_our_dead_letter_policy_is_named_and_mended(messenger):
    subscriber = SubscriberClient()
    path = named(messenger, INVOKER_REQUESTS)
    subscriber.delete_subscription(subscription=path)
    subscriber.create_subscription(name=path, topic=named(messenger, REQUESTS, "topics"))

    line, _ = messenger.missing()
    assert line.startswith("dead-letter policy")
    assert "gcloud pubsub subscriptions update" in line

    messenger.setup()
    assert messenger.missing() == []


def test_a_subscription_made_under_other_settings_is_named_and_mended(messenger):
    """The lease and the deliveries stand in Pub/Sub: a setting alone would change nothing."""
    prefix = messenger._named.prefix
    changed = PubSubMessenger(PROJECT, prefix=prefix, lease=45, max_deliveries=7)

    lines = changed.missing()

    invokers = f"subscription {prefix}{INVOKER_REQUESTS}"
    update = f"gcloud pubsub subscriptions update {prefix}{INVOKER_REQUESTS} --project={PROJECT}"
    assert len(lines) == 4
    assert lines[:2] == [
        f"8 deliveries of {invokers} (it has 6): {update} --dead-letter-topic={prefix}dead-letters"
        " --max-delivery-attempts=8",
        f"lease of 45 s of {invokers} (it has 30 s): {update} --ack-deadline=45",
    ]
    changed.setup()
    assert changed.missing() == []
    found = SubscriberClient().get_subscription(subscription=named(messenger, INVOKER_REQUESTS))
    assert (found.ack_deadline_seconds, found.dead_letter_policy.max_delivery_attempts) == (45, 8)
    changed.close()


def test_a_subscription_that_pushes_gives_up_as_late_as_it_can_and_has_its_own_lease(messenger):
    """Each 503 counts as a delivery there: an hour of Prefect being down must not bury an accepted request."""
    subscriber, path = SubscriberClient(), named(messenger, INVOKER_REQUESTS)
    definition = messenger._named.definition(INVOKER_REQUESTS, REQUESTS)
    to = {"push_endpoint": "http://127.0.0.1:9/pubsub/push"}
    subscriber.delete_subscription(subscription=path)
    subscriber.create_subscription(request=definition | {"push_config": to, "ack_deadline_seconds": 60})

    (line,) = messenger.missing()
    assert line.startswith(f"100 deliveries of subscription {messenger._named.prefix}{INVOKER_REQUESTS} (it has 6)")
    assert line.endswith("--max-delivery-attempts=100")

    messenger.setup()
    assert messenger.missing() == []
    found = subscriber.get_subscription(subscription=path)
    assert (found.push_config.push_endpoint, found.ack_deadline_seconds) == (to["push_endpoint"], 60)


def test_a_subscription_whose_topic_was_deleted_is_named(messenger):
    path = named(messenger, STATUSES, "topics")
    PublisherClient().delete_topic(topic=path)
    PublisherClient().create_topic(name=path)

    (line,) = messenger.missing()
    assert "on its topic" in line
    assert "gcloud pubsub subscriptions delete" in line


def test_a_permission_that_this_account_has_not_is_named(messenger, monkeypatch):
    class Nothing:
        permissions = ()

    monkeypatch.setattr(PublisherClient, "test_iam_permissions", lambda *args, **kwargs: Nothing)
    monkeypatch.setattr(SubscriberClient, "test_iam_permissions", lambda *args, **kwargs: Nothing)

    lines = messenger.missing()

    assert len(lines) == 6
    assert lines[0].startswith("leave to publish to topic")
    assert "roles/pubsub.publisher" in lines[0]
    assert lines[3].startswith("leave to take from subscription")


def test_what_this_account_may_not_make_stays_missing_and_the_rest_is_made(opened, monkeypatch):
    real = PublisherClient.create_topic

    def allowed_but_one(self, *, name, **call):
        if name.endswith("statuses"):
            raise exceptions.PermissionDenied("no")
        return real(self, name=name, **call)

    monkeypatch.setattr(PublisherClient, "create_topic", allowed_but_one)
    opened.setup()

    assert [line.partition(":")[0] for line in opened.missing()] == [
        f"topic {opened._named.prefix}statuses",
        f"subscription {opened._named.prefix}statuses-register",
    ]


def test_what_this_account_may_not_see_is_named(messenger, monkeypatch):
    def closed(*args, **call):
        raise exceptions.PermissionDenied("no")

    monkeypatch.setattr(PublisherClient, "get_topic", closed)
    monkeypatch.setattr(SubscriberClient, "get_subscription", closed)

    lines = messenger.missing()

    assert len(lines) == 6
    assert all(line.startswith("leave to see") and "roles/pubsub.viewer" in line for line in lines)


def test_a_waiter_is_filtered_by_the_service(messenger):
    messenger.subscribe("waiter", STATUSES, run_id="mine", expires_after=timedelta(days=2))

    found = SubscriberClient().get_subscription(subscription=named(messenger, "waiter"))

    assert found.filter == 'attributes.run_id = "mine"'
    assert found.expiration_policy.ttl == timedelta(days=2)


def test_a_message_of_somebody_else_is_delivered_and_can_be_buried_and_replayed(messenger):
    publisher = PublisherClient()
    by_hand = PubsubMessage(data=b"by hand", attributes={"run_id": "r"})
    (brokers_id,) = publisher.publish(topic=named(messenger, REQUESTS, "topics"), messages=[by_hand]).message_ids
    (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    assert (delivery.message_id, delivery.attributes) == (brokers_id, {"run_id": "r"})

    messenger.bury(delivery, "by hand")
    messenger.replay(brokers_id)

    (again,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    assert (again.message_id, again.attributes) == (brokers_id, {"run_id": "r"})


@pytest.mark.parametrize("own_prefix", [True, False])
def test_a_pushed_message_can_be_buried_and_replayed(messenger, own_prefix):
    """The push endpoint knows the full name of the subscription, and has nothing to acknowledge."""
    path = named(messenger, "requests-push") if own_prefix else f"projects/{PROJECT}/subscriptions/s{uuid4().hex[:8]}"
    SubscriberClient().create_subscription(name=path, topic=named(messenger, REQUESTS, "topics"))
    pushed = Delivery("7", b"body", {"run_id": "r", "messenger-id": "id-1"}, 2, path, "")

    messenger.bury(pushed, "no such step")
    (letter,) = messenger.dead_letters()
    messenger.replay("id-1")

    assert letter.subscription == ("requests-push" if own_prefix else path)
    assert (letter.message_id, letter.topic, letter.attributes) == ("id-1", REQUESTS, {"run_id": "r"})
    (again,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    assert (again.message_id, again.attributes) == ("id-1", {"run_id": "r"})


@pytest.mark.parametrize("own_prefix", [True, False])
def test_what_pubsub_gives_up_on_is_replayed_to_the_topic_of_its_subscription(messenger, own_prefix):
    """Whatever the name of the subscription is, and whatever the message says of itself."""
    name = f"{messenger._named.prefix}push" if own_prefix else f"s{uuid4().hex[:8]}"
    path = f"projects/{PROJECT}/subscriptions/{name}"
    SubscriberClient().create_subscription(name=path, topic=named(messenger, REQUESTS, "topics"))
    told = {
        "CloudPubSubDeadLetterSourceSubscription": name,
        "CloudPubSubDeadLetterSourceSubscriptionProject": PROJECT,
        "CloudPubSubDeadLetterSourceDeliveryCount": "100",
    }
    letter = PubsubMessage(data=b"body", attributes={"messenger-id": "id-1"} | told)
    PublisherClient().publish(topic=named(messenger, DEAD_LETTERS, "topics"), messages=[letter])

    assert messenger.replay("id-1") == {}

    (again,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    assert (again.message_id, again.body, again.attributes) == ("id-1", b"body", {})


@pytest.fixture
def bounded(monkeypatch):
    """The service's bounds of a message, which the emulator does not know; that of its size a small one."""
    real = PublisherClient.publish

    def publish(self, *, topic, messages, **call):
        if any(len(one.attributes) > 100 or PubsubMessage.pb(one).ByteSize() > 20_000 for one in messages):
            raise exceptions.InvalidArgument("The value is too large.")
        return real(self, topic=topic, messages=messages, **call)

    monkeypatch.setattr(PublisherClient, "publish", publish)
    monkeypatch.setattr(pubsub, "LARGEST_BODY", 10_000)


@pytest.mark.parametrize(
    ("body", "attributes", "kept"),
    [
        (b"x" * 19_900, {"run_id": "r"}, "10000 of 19900 bytes and 1 of 1 attributes"),
        (b"x", {"run_id": "r"} | {f"foreign-{number}": "x" for number in range(96)}, "1 of 1 bytes and 1 of 97"),
    ],
    ids=["size", "attributes"],
)
def test_a_message_that_does_not_fit_into_a_dead_letter_is_buried_in_part(messenger, bounded, body, attributes, kept):
    """It came, since it was within Pub/Sub's bounds; with what a dead letter tells besides, it is not."""
    by_hand = PubsubMessage(data=body, attributes=attributes)
    PublisherClient().publish(topic=named(messenger, REQUESTS, "topics"), messages=[by_hand])
    (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    messenger.extend(delivery, 1)

    messenger.bury(delivery, "no such step")

    (letter,) = messenger.dead_letters()
    assert (letter.message_id, letter.attributes) == (delivery.message_id, {"run_id": "r"})
    assert letter.body == body[:10_000]
    assert kept in letter.reason
    assert letter.reason.endswith("no such step")
    assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=1.5) == []


class Brought:
    """A call to pull that has brought these."""

    def __init__(self, *received):
        self._received = received

    def result(self, timeout):
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


def test_what_pubsub_itself_gives_up_on_is_a_dead_letter_too(emulator, opened):
    """As when a consumer of another kind refuses it for ever."""
    opened.setup()
    message_id = opened.publish(REQUESTS, b"body", {"run_id": "r"})
    subscriber, path = SubscriberClient(), named(opened, INVOKER_REQUESTS)
    letters = []
    give_up = time.monotonic() + 20
    while not letters and time.monotonic() < give_up:
        try:
            found = subscriber.pull(subscription=path, max_messages=1, timeout=0.5, retry=None).received_messages
        except exceptions.DeadlineExceeded:
            found = []
        for one in found:
            subscriber.modify_ack_deadline(subscription=path, ack_ids=[one.ack_id], ack_deadline_seconds=0)
        letters = [] if found else opened.dead_letters()

    (letter,) = letters
    assert (letter.message_id, letter.attributes, letter.subscription) == (
        message_id,
        {"run_id": "r"},
        INVOKER_REQUESTS,
    )
    assert letter.reason == f"delivered {letter.deliveries} times and never acknowledged"
    assert letter.deliveries >= 5


def test_a_call_that_outlives_its_caller_brings_its_message_to_the_next_pull(messenger):
    assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=0.2) == []
    messenger.publish(REQUESTS, b"body", {})

    (delivery,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)

    assert delivery.delivery_attempt == 1


def test_more_than_asked_for_is_kept_for_the_next_pull(messenger):
    assert messenger.pull(INVOKER_REQUESTS, limit=10, wait=0.2) == []
    messenger.publish_many(REQUESTS, [(b"1", {}), (b"2", {}), (b"3", {})])
    pulled = []
    give_up = time.monotonic() + 10
    while len(pulled) < 3 and time.monotonic() < give_up:
        some = messenger.pull(INVOKER_REQUESTS, limit=1, wait=1)
        assert len(some) <= 1
        pulled += some

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


def test_what_lay_too_long_is_left_to_come_again(messenger, monkeypatch):
    assert messenger.pull(INVOKER_REQUESTS, limit=10, wait=0.2) == []
    messenger.publish_many(REQUESTS, [(b"1", {}), (b"2", {})])
    time.sleep(0.3)
    (first,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    messenger.ack(first)

    messenger._lease = 0.0

    assert messenger._take(INVOKER_REQUESTS, 1) == []


# out of reach


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
