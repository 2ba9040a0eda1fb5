"""The invoker's background work: takes requests and statuses by pull, as long as the app lives."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import asynccontextmanager
from threading import Event, Thread

from errors import Retryable, place_of
from invoker.handle import Handle
from invoker.logs import from_now_on_about, is_harmless, request_id
from messenger.consume import consume
from messenger.messenger import Delivery, Messenger

THREADS = 4
"""So many messages of a subscription are worked on at once; each holds a thread and hardly any time of it."""
BEGUN_AGAIN_AFTER = 5.0
"""Seconds from a fault of ours in the taking of messages to the next try."""
LOOK = 0.02
"""Seconds between two looks, at the end, at whether the work in hand is done."""
log = logging.getLogger(__name__)


class BrokenOff(Retryable):
    """The invoker ends before the message is handled."""


class Consumers:
    """Takes messages, by subscription, while `running`. `graceful`: seconds for the work in hand at the end."""

    def __init__(self, messenger: Messenger, handlers: Mapping[str, Handle], *, lease: float, graceful: float) -> None:
        self._messenger = messenger
        self._handlers = handlers
        self._lease = lease
        self._graceful = graceful
        self._stop = Event()
        self._in_hand: set[Future[None]] = set()
        self._broken: dict[str, str] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """At the end no new message is taken. What is in hand is finished, or given back when its time is over."""
        loop = asyncio.get_running_loop()
        threads = [
            Thread(target=self._take, args=(subscription, self._in_loop(handle, loop)), name=subscription)
            for subscription, handle in self._handlers.items()
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            give_up = loop.time() + self._graceful
            while any(thread.is_alive() for thread in threads):
                await asyncio.sleep(LOOK)
                if loop.time() > give_up:
                    self._break_off()

    def faults(self) -> Sequence[str]:
        """The subscriptions from which nothing is taken now, and why."""
        return [f"{subscription} is not taken from: {why}" for subscription, why in list(self._broken.items())]

    def _take(self, subscription: str, handle: Callable[[Delivery], None]) -> None:
        """However the taking itself breaks, it is said, and begun again."""
        while not self._stop.is_set():
            try:
                consume(self._messenger, subscription, handle, stop=self._stop, threads=THREADS, lease=self._lease)
            except Exception as error:
                self._broken[subscription] = f"{type(error).__name__}, {place_of(error)}"
                log.exception("%s is not taken from, trying again in %g s", subscription, BEGUN_AGAIN_AFTER)
                self._stop.wait(BEGUN_AGAIN_AFTER)
                del self._broken[subscription]

    def _in_loop(self, handle: Handle, loop: asyncio.AbstractEventLoop) -> Callable[[Delivery], None]:
        """The handler for a thread: the work is done in the app's loop, where the HTTP client lives."""

        def handle_here(delivery: Delivery) -> None:
            from_now_on_about(**_named(delivery))
            work = asyncio.run_coroutine_threadsafe(_as_coroutine(handle, delivery), loop)
            self._in_hand.add(work)
            try:
                work.result()
            except CancelledError:
                raise BrokenOff("the invoker ends") from None
            finally:
                self._in_hand.discard(work)

        return handle_here

    def _break_off(self) -> None:
        for work in list(self._in_hand):
            work.cancel()


async def _as_coroutine(handle: Handle, delivery: Delivery) -> None:
    await handle(delivery)


def _named(delivery: Delivery) -> Mapping[str, str]:
    """What the log lines of a message bear, from when it is begun to what becomes of it."""
    run_id = delivery.attributes.get("run_id", "")
    return {"request_id": request_id(delivery.message_id)} | ({"run_id": run_id} if is_harmless(run_id) else {})
