"""Who goes first: a caller who waits for an answer, before a message that waits safely in the Messenger."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from invoker.handle import Handle
from messenger.messenger import Delivery

MANY = 4
"""With more requests than this in hand, messages wait."""
LONGEST = 0.5
"""Seconds: however much is asked, each message waits no longer."""


class Traffic:
    """Counts the requests in hand. Without it, accepting a burst takes three times as long: the dispatch of the
    first ones would compete with the acceptance of the others.
    """

    def __init__(self) -> None:
        self._in_hand = 0
        self._calm = asyncio.Event()
        self._calm.set()

    @contextmanager
    def request(self) -> Iterator[None]:
        self._count(1)
        try:
            yield
        finally:
            self._count(-1)

    def _count(self, more: int) -> None:
        self._in_hand += more
        if self._in_hand > MANY:
            self._calm.clear()
        else:
            self._calm.set()

    def giving_way(self, handle: Handle) -> Handle:
        """The handler, which now lets requests go first."""

        async def handle_later(delivery: Delivery) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LONGEST):
                    await self._calm.wait()
            await handle(delivery)

        return handle_later
