"""A Messenger that would lose messages stops the start: on Pub/Sub, against Google's emulator."""

import asyncio
import os
import subprocess
import sys

import pytest
from google.pubsub_v1 import PublisherClient, SubscriberClient

from invoker.app import NotSetUp, create_app
from settings import PROJECT

pytestmark = pytest.mark.parametrize("carrier", ["pubsub"], indirect=True)


def remove(carrier, kind, name):
    path = f"projects/{carrier.settings.project}/{kind}s/{carrier.prefix}{name}"
    if kind == "topic":
        PublisherClient().delete_topic(topic=path)
    else:
        SubscriberClient().delete_subscription(subscription=path)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("topic", "dead-letters"),
        ("subscription", "dead-letters"),
        ("topic", "requests"),
        ("subscription", "requests-invoker"),
        ("subscription", "statuses-register"),
    ],
)
def test_what_is_missing_stops_the_start_and_is_named_with_the_command_that_makes_it(
    carrier, messenger, settings, kind, name
):
    remove(carrier, kind, name)

    async def start():
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            pass

    with pytest.raises(NotSetUp) as refused:
        asyncio.run(start())

    told = str(refused.value)
    assert f"{kind} {carrier.prefix}{name}: " in told or f"{kind} {carrier.prefix}{name} on its topic" in told
    assert f"gcloud pubsub {kind}s create {carrier.prefix}{name} " in told


@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_program_says_so_and_ends(carrier, messenger, tmp_path, workers):
    remove(carrier, "subscription", "dead-letters")
    environment = {
        **os.environ,
        "MESSENGER_KIND": "pubsub",
        "MESSENGER_PROJECT": carrier.settings.project,
        "MESSENGER_PREFIX": carrier.prefix,
        "RUNS_PATH": str(tmp_path / "register.db"),
        "RUNS_URL": "",
        "INVOKER_PORT": "0",
        "INVOKER_WORKERS": workers,
    }
    command = [sys.executable, "-m", "invoker"]

    ended = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60)

    assert ended.returncode != 0
    assert f"subscription {carrier.prefix}dead-letters: gcloud pubsub subscriptions create" in ended.stdout
    assert "Traceback" not in ended.stdout + ended.stderr
