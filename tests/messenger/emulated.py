"""The Pub/Sub messenger on Google's emulator, with topics and subscriptions of the test's own."""

from uuid import uuid4

import pytest

from messenger import pubsub
from messenger.pubsub import PubSubMessenger

PROJECT = "test-project"


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
