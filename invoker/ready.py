"""Can what the invoker needs be reached? Looked at by one at a time, however many ask, and kept for some seconds.

Anybody may ask: so it holds no more than one thread for each part, and costs the Messenger and Prefect next to nothing.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool

from errors import Permanent, Retryable
from invoker.consumer import Consumers
from invoker.flow_runs import FlowRuns
from invoker.models import OK, Readiness
from messenger.messenger import Messenger
from register.register import Register

WITHIN = 2.0
"""Seconds for each part to answer."""
KEPT = 5.0
"""Seconds for which an answer serves all who ask."""
log = logging.getLogger(__name__)


class NotReady(Retryable):
    """The part answers, and cannot do its work."""


class Ready:
    def __init__(self, messenger: Messenger, register: Register, flow_runs: FlowRuns, consumers: Consumers) -> None:
        self._missing = messenger.missing
        self._faults = consumers.faults
        self._messenger = _Look("messenger", self._look_at_messenger)
        self._register = _Look("register", lambda: run_in_threadpool(register.list, limit=1))
        self._prefect = _Look("prefect", lambda: flow_runs.check(within=WITHIN))

    async def seen(self) -> Readiness:
        messenger, register, prefect = await asyncio.gather(
            self._messenger.said(), self._register.said(), self._prefect.said()
        )
        return Readiness(messenger=messenger, register_=register, prefect=prefect)

    async def _look_at_messenger(self) -> None:
        if faults := self._faults():
            raise NotReady("; ".join(faults))
        if missing := await run_in_threadpool(self._missing):
            raise NotReady(f"missing: {'; '.join(missing)}")


class _Look:
    """At one part. One that takes too long goes on, and the next who ask wait for it and begin no other."""

    def __init__(self, name: str, look: Callable[[], Awaitable[object]]) -> None:
        self._name = name
        self._look = look
        self._looking: asyncio.Task[str] | None = None
        self._good_until = 0.0

    async def said(self) -> str:
        looking = self._looking
        if looking is None or (looking.done() and time.monotonic() >= self._good_until):
            looking = self._looking = asyncio.create_task(self._seen())
        done, _ = await asyncio.wait([looking], timeout=WITHIN)
        return looking.result() if done else f"no answer in {WITHIN:g} s"

    async def _seen(self) -> str:
        try:
            await self._look()
            said = OK
        except (Retryable, Permanent) as error:
            said = str(error)
            log.warning("%s is not ready: %s", self._name, said)
        self._good_until = time.monotonic() + KEPT
        return said
