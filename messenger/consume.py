"""The loop by which the invoker takes requests and the register takes statuses.

It pulls as many messages as it has threads free, so that nothing is leased and left lying, and acknowledges a
message after its handler returned. As long as it has a message in hand it extends the lease. The type of a
handler's error says what happens next:

- `Retryable`: the cause lies outside (Prefect is down). The message stays in hand and is tried again after 1, 2,
  4 … 30 seconds, for as long as it takes; that is no new delivery, and holds no thread meanwhile. At the end it is
  given back. A handler that has waited long enough says so by raising Permanent.
- `Permanent`: to the dead letters, with the error's text as the reason.
- anything else: delivered again after 1, 2, 4 … 60 seconds, and a dead letter after the last delivery.
"""

import heapq
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from threading import Condition, Event, Thread

from errors import Permanent, Retryable, place_of
from messenger.messenger import Delivery, Messenger

log = logging.getLogger(__name__)

Handler = Callable[[Delivery], None]

LONGEST_PULL = 0.5
"""Seconds: how long it may take to notice that `stop` was set."""
LINGER = 0.002
"""Seconds: so long a thread that is free waits for others, so that one pull serves them all."""
LONGEST_RETRY, LONGEST_REDELIVERY, LONGEST_RECONNECT = 30.0, 60.0, 5.0
MOST_WAITING = 200
"""So many messages that wait for their next try are kept in hand; while there are more, none is pulled."""
LONGEST_REASON = 1000
"""Characters."""
MOST_NAMED = 10
"""So many messages are named in a line of the log."""


def growing(count: int, longest: float) -> float:
    """Seconds to wait after the count-th failure: 1, 2, 4 … longest."""
    return min(2.0 ** min(count - 1, 30), longest)


def consume(
    messenger: Messenger, subscription: str, handle: Handler, *, stop: Event, threads: int = 4, lease: float = 30
) -> None:
    """Runs until `stop` is set, then lets the work in hand finish and gives back what waits for another try.

    `lease` in seconds is the messenger's. A messenger that cannot be reached, or refuses something, is tried again.
    """
    _Consumer(messenger, subscription, handle, stop, threads, lease).run()


@dataclass(order=True, slots=True)
class _Try:
    """A message in hand, and when to try it, on the monotonic clock; `failed` tries went before."""

    due: float
    delivery: Delivery = field(compare=False)
    failed: int = field(default=0, compare=False)


class _Consumer:
    """What one `consume` has in hand: messages that are worked on, and messages that wait for their next try."""

    def __init__(
        self, messenger: Messenger, subscription: str, handle: Handler, stop: Event, threads: int, lease: float
    ) -> None:
        self._messenger = messenger
        self._subscription = subscription
        self._handle = handle
        self._stop = stop
        self._threads = threads
        self._lease = lease
        self._unreached = 0
        self._in_hand: set[Delivery] = set()
        self._waiting: list[_Try] = []
        self._handled: list[Delivery] = []
        self._working = 0
        self._changed = Condition()

    def run(self) -> None:
        with self._beside(self._keep_leases), self._beside(self._acknowledge):
            try:
                with ThreadPoolExecutor(self._threads, thread_name_prefix=self._subscription) as pool:
                    while not self._stop.is_set():
                        self._begin(pool, self._ready(self._free_threads()))
            finally:
                if left := [waiting.delivery for waiting in self._waiting]:
                    self._settle(partial(self._messenger.give_back, *left), *left)

    def _free_threads(self) -> int:
        """Waits until there is one, not longer than it may take to notice `stop`."""
        with self._changed:
            if self._changed.wait_for(lambda: self._working < self._threads, LONGEST_PULL):
                self._changed.wait_for(lambda: not self._working, LINGER)
            return self._threads - self._working

    def _ready(self, free: int) -> Sequence[_Try]:
        """At most `free` tries: those that are due, or else new messages."""
        now = time.monotonic()
        due: list[_Try] = []
        if not free or self._stop.is_set():
            return due
        with self._changed:
            while self._waiting and self._waiting[0].due <= now and len(due) < free:
                due.append(heapq.heappop(self._waiting))
            wait = min(LONGEST_PULL, max(self._waiting[0].due - now, 0)) if self._waiting else LONGEST_PULL
            full = len(self._waiting) >= MOST_WAITING
        if due:
            return due
        if full:
            self._stop.wait(wait)
            return []
        return [_Try(now, delivery) for delivery in self._pull(free, wait)]

    def _pull(self, limit: int, wait: float) -> Sequence[Delivery]:
        try:
            pulled = self._messenger.pull(self._subscription, limit=limit, wait=wait)
        except (Retryable, Permanent) as error:
            self._unreached += 1
            log.warning("%s: no messages for now, trying again: %s", self._subscription, _text(error))
            self._stop.wait(growing(self._unreached, LONGEST_RECONNECT))
            return []
        self._unreached = 0
        return pulled

    def _begin(self, pool: ThreadPoolExecutor, ready: Sequence[_Try]) -> None:
        """What came while `stop` was set is given back with what waits."""
        with self._changed:
            if self._stop.is_set():
                self._waiting += ready
                return
            self._in_hand.update(one.delivery for one in ready)
            self._working += len(ready)
        for one in ready:
            pool.submit(self._work, one)

    def _work(self, current: _Try) -> None:
        delivery = current.delivery
        try:
            self._handle(delivery)
        except Retryable as error:
            self._try_later(current, error)
        except Permanent as error:
            reason = _text(error)
            log.error("%s goes to the dead letters: %s", _name(delivery), reason)
            self._settle(partial(self._messenger.bury, delivery, reason), delivery)
        except (Exception, SystemExit) as error:
            reason = f"{type(error).__name__} in the handler, {place_of(error)}"
            delay = growing(delivery.delivery_attempt, LONGEST_REDELIVERY)
            log.error("%s failed at delivery %d: %s", _name(delivery), delivery.delivery_attempt, reason)
            self._settle(partial(self._messenger.nack, delivery, delay=delay, reason=reason), delivery)
        else:
            self._handled.append(delivery)
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _try_later(self, current: _Try, error: Retryable) -> None:
        failed = current.failed + 1
        delay = growing(failed, LONGEST_RETRY)
        log.warning("%s: try %d in %g s: %s", _name(current.delivery), failed + 1, delay, _text(error))
        with self._changed:
            heapq.heappush(self._waiting, _Try(time.monotonic() + delay, current.delivery, failed))

    def _acknowledge(self, done: Event) -> None:
        """What was handled while the acknowledgement before it was on its way goes out as one."""
        while not done.is_set() or self._handled:
            with self._changed:
                self._changed.wait_for(lambda: self._handled or done.is_set())
                handled, self._handled = self._handled, []
            if handled:
                self._settle(partial(self._messenger.ack, *handled), *handled)

    def _settle(self, settle: Callable[[], None], *deliveries: Delivery) -> None:
        """What cannot be settled is delivered again when its lease ends; its effect happens once."""
        with self._changed:
            self._in_hand.difference_update(deliveries)
        try:
            settle()
        except (Retryable, Permanent) as error:
            log.warning("%s will come again: %s", ", ".join(map(_name, deliveries[:MOST_NAMED])), _text(error))

    def _keep_leases(self, done: Event) -> None:
        while not done.wait(self._lease / 3):
            with self._changed:
                in_hand = list(self._in_hand)
            for delivery in in_hand:
                self._keep_lease(delivery)

    def _keep_lease(self, delivery: Delivery) -> None:
        if delivery not in self._in_hand:
            return
        try:
            self._messenger.extend(delivery, self._lease)
        except (Retryable, Permanent) as error:
            log.warning("%s may be delivered again: %s", _name(delivery), _text(error))

    @contextmanager
    def _beside(self, work: Callable[[Event], None]) -> Iterator[None]:
        """Runs `work` in a thread, which ends after the event that it is given was set."""
        done = Event()
        thread = Thread(target=work, args=(done,), name=f"{self._subscription}-{work.__name__}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            with self._changed:
                done.set()
                self._changed.notify_all()
            thread.join()


def _name(delivery: Delivery) -> str:
    return f"message {delivery.message_id} of run {delivery.attributes.get('run_id', 'unknown')[:100]!r}"


def _text(error: Exception) -> str:
    return " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
