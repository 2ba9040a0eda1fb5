"""What is not there, or not open to this account, and the command for each; and making it where allowed."""

from collections.abc import Mapping, Sequence
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
                _mend(subscriber, named, name)


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
        lines += [f"{said}: {command}" for said, command in _differing(found, named, name).values()]
        if not _may(subscriber, path, CONSUME):
            role = ROLES[CONSUME]
            lines.append(f"leave to take from {what}: {named.permission_command('subscription', name, role)}")
        return lines


def _mend(subscriber: Any, named: Resources, name: str) -> None:
    """A subscription that somebody made otherwise, or under other settings, gets what we need."""
    path = named.subscription(name)
    found = subscriber.get_subscription(subscription=path, **CALL)
    if fields := list(_differing(found, named, name)):
        wanted = {"ack_deadline_seconds": named.ack_deadline, "dead_letter_policy": _policy(found, named)}
        mended = {"name": path, **{field: wanted[field] for field in fields}}
        request = {"subscription": mended, "update_mask": {"paths": fields}}
        subscriber.update_subscription(request=request, **CALL)


def _differing(found: Any, named: Resources, name: str) -> Mapping[str, tuple[str, str]]:
    """By field, what is not as the settings want it, and the command. The dead letters are kept as they are.

    Where Pub/Sub pushes, its lease is the time that it gives the endpoint to answer, and no setting of ours.
    """
    if name == DEAD_LETTERS:
        return {}
    what, pushed = f"subscription {named.prefix}{name}", _pushes(found)
    policy, wanted = found.dead_letter_policy, _policy(found, named)
    differing = {}
    if policy.dead_letter_topic != wanted["dead_letter_topic"]:
        differing["dead_letter_policy"] = (f"dead-letter policy of {what}", named.policy_command(name, pushed=pushed))
    elif policy.max_delivery_attempts != wanted["max_delivery_attempts"]:
        said = f"{wanted['max_delivery_attempts']} deliveries of {what} (it has {policy.max_delivery_attempts})"
        differing["dead_letter_policy"] = (said, named.policy_command(name, pushed=pushed))
    if not pushed and found.ack_deadline_seconds != named.ack_deadline:
        said = f"lease of {named.ack_deadline} s of {what} (it has {found.ack_deadline_seconds} s)"
        differing["ack_deadline_seconds"] = (said, named.lease_command(name))
    return differing


def _policy(found: Any, named: Resources) -> dict[str, Any]:
    return named.dead_letter_policy(pushed=_pushes(found))


def _pushes(found: Any) -> bool:
    return bool(found.push_config.push_endpoint)


def _may(client: Any, path: str, permission: str) -> bool:
    """The emulator knows no permissions: there, everybody may."""
    try:
        request = {"resource": path, "permissions": [permission]}
        return permission in client.test_iam_permissions(request=request, **CALL).permissions
    except exceptions.MethodNotImplemented:
        return True
