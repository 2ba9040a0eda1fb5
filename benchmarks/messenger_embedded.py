"""The embedded messenger: latency between two processes, durable publishes, what it leaves behind, idle cost."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread

from messenger.consume import Handler, consume
from messenger.embedded import EmbeddedMessenger
from messenger.messenger import INVOKER_REQUESTS, REQUESTS, Delivery, Messenger
from settings import PROJECT

BODY = b"x" * 500
"""Bytes, about as many as a request has."""
ATTRIBUTES = {"version": "1", "type": "RunRequest", "pipeline": "rfm", "step": "features", "run_id": "rfm-2026-01-05-1"}
LATENCY_MESSAGES, WARM_UP = 400, 20
PUBLISHES, BATCH, THREADS = 2000, 100, 8
BACKLOG = 100_000
IDLE_SECONDS = 5.0

PUBLISHER = """
import random, sys, time
from pathlib import Path
from messenger.embedded import EmbeddedMessenger
messenger = EmbeddedMessenger(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    time.sleep(random.uniform(0.01, 0.04))
    messenger.publish("requests", b"%.6f" % time.time(), {"run_id": "r"})
"""


def measure(folder: Path) -> Mapping[str, float]:
    """Milliseconds, messages per second, bytes and percent of a core."""
    return {
        **_latency(folder / "latency.db"),
        **_publishing(folder / "publishing.db"),
        **_backlog(folder / "backlog" / "messenger.db"),
        **_idle(folder / "idle.db"),
    }


@contextmanager
def consuming(messenger: Messenger, handle: Handler, *, threads: int = THREADS) -> Iterator[None]:
    stop = Event()
    options = {"stop": stop, "threads": threads}
    thread = Thread(target=consume, args=(messenger, INVOKER_REQUESTS, handle), kwargs=options)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def wait_until(condition: Callable[[], bool], within: float = 120) -> None:
    give_up = time.monotonic() + within
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError("the measurement did not come to its end")
        time.sleep(0.001)


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """p50 and p99 in milliseconds."""
    return median(seconds) * 1000, quantiles(seconds, n=100)[98] * 1000


def _opened(path: Path) -> EmbeddedMessenger:
    messenger = EmbeddedMessenger(path)
    messenger.setup()
    return messenger


def _latency(path: Path) -> Mapping[str, float]:
    """From just before `publish` in one process to the handler in another."""
    waited: list[float] = []
    command = [sys.executable, "-c", PUBLISHER, str(path), str(LATENCY_MESSAGES + WARM_UP)]

    def handle(delivery: Delivery) -> None:
        waited.append(time.time() - float(delivery.body))

    with closing(_opened(path)) as messenger, consuming(messenger, handle):
        subprocess.run(command, cwd=PROJECT, check=True)
        wait_until(lambda: len(waited) == LATENCY_MESSAGES + WARM_UP)
    p50, p99 = percentiles(waited[WARM_UP:])
    return {"latency_p50_ms": p50, "latency_p99_ms": p99}


def _publishing(path: Path) -> Mapping[str, float]:
    with closing(_opened(path)) as messenger:

        def one_by_one(count: int) -> None:
            for _ in range(count):
                messenger.publish(REQUESTS, BODY, ATTRIBUTES)

        def in_batches(count: int) -> None:
            for _ in range(count // BATCH):
                messenger.publish_many(REQUESTS, [(BODY, ATTRIBUTES)] * BATCH)

        def by_threads(count: int) -> None:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(one_by_one, [count // THREADS] * THREADS))

        return {
            "publishes_per_second": _per_second(one_by_one, PUBLISHES),
            "publishes_per_second_threads": _per_second(by_threads, PUBLISHES),
            "publishes_per_second_batches": _per_second(in_batches, 10 * PUBLISHES),
        }


def _per_second(work: Callable[[int], None], count: int) -> float:
    started = time.perf_counter()
    work(count)
    return count / (time.perf_counter() - started)


def _backlog(path: Path) -> Mapping[str, float]:
    """A backlog is published, then handled; afterwards somebody waits for messages, as the invoker does."""
    with closing(_opened(path)) as messenger:
        for _ in range(BACKLOG // 1000):
            messenger.publish_many(REQUESTS, [(BODY, ATTRIBUTES)] * 1000)
        largest = _size(path)
        handled: list[str] = []
        started = time.perf_counter()
        with consuming(messenger, lambda delivery: handled.append(delivery.message_id)):
            wait_until(lambda: len(handled) == BACKLOG, within=600)
            seconds = time.perf_counter() - started
            wait_until(lambda: _size(path) < largest / 4)
            left = _settled_size(path)
    return {"backlog_bytes": largest, "left_bytes": left, "handled_per_second": BACKLOG / seconds}


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.parent.iterdir())


def _settled_size(path: Path) -> int:
    """Once it has not changed for three seconds."""
    sizes = [_size(path)]
    while len(sizes) < 4 or len(set(sizes[-4:])) > 1:
        time.sleep(1)
        sizes.append(_size(path))
    return sizes[-1]


def _idle(path: Path) -> Mapping[str, float]:
    with closing(_opened(path)) as messenger:
        before = time.process_time()
        messenger.pull(INVOKER_REQUESTS, limit=1, wait=IDLE_SECONDS)
        return {"idle_percent_of_a_core": (time.process_time() - before) / IDLE_SECONDS * 100}
