"""What is missing in Pub/Sub is listed with the command that makes it, and made where this account may."""

from datetime import timedelta

from google.api_core import exceptions
from google.pubsub_v1 import PublisherClient, SubscriberClient

from messenger.messenger import (
    INVOKER_REQUESTS,
    REQUESTS,
    STATUSES,
)
from messenger.pubsub import PubSubMessenger
from messenger.pubsub_resources import DEAD_LETTERS
from tests.messenger.emulated import PROJECT, named


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
