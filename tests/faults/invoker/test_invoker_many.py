"""Many at once: of one date one run, of many dates all of them."""

import asyncio
from collections import Counter
from datetime import date, timedelta

import httpx

from invoker.app import create_app
from tests.invoker.parts import DAY, KEY, client_of, wait_until


def ask_at_once(base_url, days, connections=64):
    """The answers, in the order of the days, asked over so many connections at the same time."""

    async def ask():
        limits = httpx.Limits(max_connections=connections)
        async with httpx.AsyncClient(base_url=base_url, limits=limits, timeout=60) as client:
            return await asyncio.gather(*(client.get("/invoke", params={"run_date": str(day)}) for day in days))

    return asyncio.run(ask())


def test_a_thousand_invocations_of_one_date_are_one_run(settings, messenger, prefect):
    with client_of(create_app(settings)) as invoker:
        answers = ask_at_once(invoker.base_url, [DAY] * 1000)
        wait_until(prefect.keys)
        runs = invoker.get("/runs").json()["runs"]

    states = Counter(answer.status_code for answer in answers)
    assert states[202] >= 1
    assert states[202] + states[200] == 1000
    assert {answer.json()["run_id"] for answer in answers} == {"rfm-1998-06-30-1"}
    assert prefect.keys() == [KEY]
    assert len(runs) == 1


def test_two_hundred_dates_at_once_are_two_hundred_runs(settings, messenger, prefect):
    days = [date(1998, 6, 30) - timedelta(days=back) for back in range(200)]
    with client_of(create_app(settings)) as invoker:
        answers = ask_at_once(invoker.base_url, days)
        wait_until(lambda: len(prefect.flow_runs) == 200, within=30)

    assert [answer.status_code for answer in answers] == [202] * 200
    assert sorted(prefect.keys()) == sorted(f"rfm-{day}-1/orchestrate" for day in days)
    assert messenger.dead_letters() == []
