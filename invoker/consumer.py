"""The invoker's background work: takes requests and statuses by pull, as long as the app lives."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from threading import Event, Thread

from starlette.concurrency import run_in_threadpool

from invoker.handle import Handle
from messenger.consume import consume
from messenger.messenger import Delivery, Messenger

THREADS = 4
"""So many messages of a subscription are worked on at once; each holds a thread and hardly any time of it."""


def _in_loop(handle: Handle, loop: asyncio.AbstractEventLoop) -> Callable[[Delivery], None]:
    """The handler for a thread: the work is done in the app's loop, where the HTTP client lives."""

    def handle_here(delivery: Delivery) -> None:
        asyncio.run_coroutine_threadsafe(_as_coroutine(handle, delivery), loop).result()

    return handle_here


async def _as_coroutine(handle: Handle, delivery: Delivery) -> None:
    await handle(delivery)


@asynccontextmanager
async def consuming(messenger: Messenger, handlers: Mapping[str, Handle], *, lease: float) -> AsyncIterator[None]:
    """`handlers` by subscription. At the end no new message is taken, and those in hand are finished."""
    stop = Event()
    loop = asyncio.get_running_loop()
    threads = [
        Thread(
            target=consume,
            args=(messenger, subscription, _in_loop(handle, loop)),
            kwargs={"stop": stop, "threads": THREADS, "lease": lease},
            name=subscription,
        )
        for subscription, handle in handlers.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            await run_in_threadpool(thread.join)
