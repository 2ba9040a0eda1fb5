"""Callers go first; messages wait, and not for ever."""

import asyncio
from contextlib import ExitStack

import pytest

from invoker import traffic
from invoker.traffic import MANY, Traffic


@pytest.fixture
def calls():
    return []


def handling(busy, calls, requests_in_hand, leave=False):
    """Handles one message while so many requests are in hand; some leave before it is over."""

    async def handle(delivery):
        calls.append(delivery)

    async def run():
        with ExitStack() as requests:
            for _ in range(requests_in_hand):
                requests.enter_context(busy.request())
            handled = asyncio.create_task(busy.giving_way(handle)("message"))
            await asyncio.sleep(0.02)
            before = list(calls)
            if leave:
                requests.pop_all().close()
            await handled
            return before

    return asyncio.run(run())


def test_a_message_is_handled_at_once_while_little_is_asked(calls):
    assert handling(Traffic(), calls, MANY) == ["message"]


def test_a_message_waits_until_the_requests_are_answered(calls, monkeypatch):
    monkeypatch.setattr(traffic, "LONGEST", 60)

    before = handling(Traffic(), calls, MANY + 1, leave=True)

    assert (before, calls) == ([], ["message"])


def test_a_message_does_not_wait_for_ever(calls, monkeypatch):
    monkeypatch.setattr(traffic, "LONGEST", 0.05)

    before = handling(Traffic(), calls, MANY + 1)

    assert (before, calls) == ([], ["message"])
