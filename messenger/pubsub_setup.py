"""What is not there, or not open to this account, and the command for each; and making it where allowed."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from google.api_core import exceptions

from messenger.pubsub_calls import CALL, reaching_subscription, reaching_topic
from messenger.pubsub_resources import DEAD_LETTERS, TOPICS, Resources

PUBLISH, CONSUME = "pubsub.topics.publish", "pubsub.subscriptions.consume"
ROLES = {PUBLISH: "roles/pubsub.publisher", CONSUME: "roles/pubsub.subscriber"}
VIEWER = "roles/pubsub.viewer"
EMULATORS_LONGEST = timedelta(days=7)


def missing(publisher: Any, subscriber: Any, named: Resources) -> Sequence[str]:
    """One line each: what, and the command. Raises MessengerUnavailable."""
    return [
        *(line for name in TOPICS for line in _topic(publisher, named, name)),
        *(line for name in named.standing for line in _subscription(subscriber, named, name)),
    ]


def make(publisher: Any, subscriber: Any, named: Resources) -> None:
    """Makes what is missing; what this account may not make stays so, with what needs it.

    Raises MessengerUnavailable.
    """
    for name in TOPICS:
        with reaching_topic(name), suppress(exceptions.AlreadyExists, exceptions.PermissionDenied):
            publisher.create_topic(name=named.topic(name), **CALL)
    for name, topic in named.standing.items():
        definition = named.definition(name, topic)
        with reaching_subscription(name), suppress(exceptions.PermissionDenied, exceptions.NotFound):
            try:
                _create(subscriber, name, definition)
            except exceptions.AlreadyExists:
                _mend(subscriber, named, name, definition)


def _create(subscriber: Any, name: str, definition: dict[str, Any]) -> None:
    try:
        subscriber.create_subscription(request=definition, **CALL)
    except exceptions.InvalidArgument:
        if name != DEAD_LETTERS:
            raise
        # the emulator knows only the shorter time that was Pub/Sub's bound once
        subscriber.create_subscription(request=definition | {"message_retention_duration": EMULATORS_LONGEST}, **CALL)


def _topic(publisher: Any, named: Resources, name: str) -> Sequence[str]:
    what, path = f"topic {named.prefix}{name}", named.topic(name)
    with reaching_topic(name):
        try:
            publisher.get_topic(topic=path, **CALL)
        except exceptions.NotFound:
            return [f"{what}: {named.topic_command(name)}"]
        except exceptions.PermissionDenied:
            return [f"leave to see {what}: {named.permission_command('topic', name, VIEWER)}"]
        if _may(publisher, path, PUBLISH):
            return []
    return [f"leave to publish to {what}: {named.permission_command('topic', name, ROLES[PUBLISH])}"]


def _subscription(subscriber: Any, named: Resources, name: str) -> Sequence[str]:
    what, path = f"subscription {named.prefix}{name}", named.subscription(name)
    with reaching_subscription(name):
        try:
            found = subscriber.get_subscription(subscription=path, **CALL)
        except exceptions.NotFound:
            return [f"{what}: {named.subscription_command(name)}"]
        except exceptions.PermissionDenied:
            return [f"leave to see {what}: {named.permission_command('subscription', name, VIEWER)}"]
        lines = []
        if found.topic != named.topic(named.standing[name]):
            lines.append(f"{what} on its topic (it listens to {found.topic}): {named.removal_command(name)}")
        if not _gives_up(found, named, name):
            lines.append(f"dead-letter policy of {what}: {named.policy_command(name)}")
        if not _may(subscriber, path, CONSUME):
            role = ROLES[CONSUME]
            lines.append(f"leave to take from {what}: {named.permission_command('subscription', name, role)}")
        return lines


def _mend(subscriber: Any, named: Resources, name: str, definition: dict[str, Any]) -> None:
    """A subscription that somebody made without our dead-letter policy gets it."""
    if _gives_up(subscriber.get_subscription(subscription=definition["name"], **CALL), named, name):
        return
    mended = {"name": definition["name"], "dead_letter_policy": definition["dead_letter_policy"]}
    request = {"subscription": mended, "update_mask": {"paths": ["dead_letter_policy"]}}
    subscriber.update_subscription(request=request, **CALL)


def _gives_up(found: Any, named: Resources, name: str) -> bool:
    """Whether what cannot be handled goes to the dead letters; they themselves are kept as they are."""
    return name == DEAD_LETTERS or found.dead_letter_policy.dead_letter_topic == named.topic(DEAD_LETTERS)


def _may(client: Any, path: str, permission: str) -> bool:
    """The emulator knows no permissions: there, everybody may."""
    try:
        request = {"resource": path, "permissions": [permission]}
        return permission in client.test_iam_permissions(request=request, **CALL).permissions
    except exceptions.MethodNotImplemented:
        return True
