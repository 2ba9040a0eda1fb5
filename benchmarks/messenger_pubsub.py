"""The Pub/Sub messenger beside the bare Google client, on the same emulator in the same run.

The bare client is used as Google's guide shows: publish with futures and batches, streaming pull with a callback
that acknowledges. Rounds alternate, so that both meet the same machine.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.messenger_embedded import ATTRIBUTES, BODY, consuming, percentiles, wait_until
from deployments.emulator import find_emulator, running_emulator
from messenger.messenger import REQUESTS

PROJECT = "bench-project"
ROUNDS = 3
MESSAGES = 5000
BATCH = 500
LATENCY_MESSAGES, WARM_UP = 150, 10

Receive = Callable[[bytes], None]
Publish = Callable[[list[bytes]], None]
Figures = Mapping[str, float]


def measure(folder: Path) -> Mapping[str, Figures] | None:
    """`ours` and `bare`, or None where the emulator is not installed."""
    script = find_emulator()
    if script is None:
        return None
    with running_emulator(script, folder) as address:
        # read by Google's client
        os.environ["PUBSUB_EMULATOR_HOST"] = address
        rounds = [{"ours": _round(_ours, number), "bare": _round(_bare, number)} for number in range(ROUNDS)]
    return {who: _medians([one[who] for one in rounds]) for who in ("ours", "bare")}


def _medians(rounds: list[Figures]) -> Figures:
    return {name: median(one[name] for one in rounds) for name in rounds[0]}


@contextmanager
def _ours(name: str, receive: Receive) -> Iterator[Publish]:
    from messenger.pubsub import PubSubMessenger

    with closing(PubSubMessenger(PROJECT, prefix=f"ours-{name}-")) as messenger:
        messenger.setup()

        def publish(bodies: list[bytes]) -> None:
            for start in range(0, len(bodies), BATCH):
                messenger.publish_many(REQUESTS, [(body, ATTRIBUTES) for body in bodies[start : start + BATCH]])

        with consuming(messenger, lambda delivery: receive(delivery.body)):
            yield publish


@contextmanager
def _bare(name: str, receive: Receive) -> Iterator[Publish]:
    import google.cloud.pubsub_v1 as pubsub_v1

    publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
    topic = publisher.topic_path(PROJECT, f"bare-{name}")
    subscription = subscriber.subscription_path(PROJECT, f"bare-{name}")
    publisher.create_topic(name=topic)
    subscriber.create_subscription(name=subscription, topic=topic)

    def callback(message: Any) -> None:
        receive(message.data)
        message.ack()

    def publish(bodies: list[bytes]) -> None:
        for future in [publisher.publish(topic, body, **ATTRIBUTES) for body in bodies]:
            future.result()

    pulling = subscriber.subscribe(subscription, callback)
    yield publish
    pulling.cancel()
    pulling.result()
    subscriber.close()


def _round(side: Any, number: int) -> Figures:
    """Messages per second from the first publish to the last one handled; milliseconds from publish to handler."""
    seen: list[bytes] = []
    with side(f"throughput-{number}", seen.append) as publish:
        publish([b"first"])
        wait_until(lambda: len(seen) == 1)
        started = time.perf_counter()
        publish([BODY] * MESSAGES)
        published = time.perf_counter() - started
        wait_until(lambda: len(seen) == MESSAGES + 1)
        handled = time.perf_counter() - started
    waited: list[float] = []
    with side(f"latency-{number}", lambda body: waited.append(time.time() - float(body))) as publish:
        for count in range(LATENCY_MESSAGES + WARM_UP):
            publish([b"%.6f" % time.time()])
            wait_until(lambda: len(waited) == count + 1)  # noqa: B023
    p50, p99 = percentiles(waited[WARM_UP:])
    return {
        "published_per_second": MESSAGES / published,
        "handled_per_second": MESSAGES / handled,
        "latency_p50_ms": p50,
        "latency_p99_ms": p99,
    }
