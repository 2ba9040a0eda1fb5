"""Many at once: of one date one run, of many dates all of them."""

from collections import Counter
from datetime import date, timedelta

from tests.invoker.load import ask
from tests.invoker.parts import DAY, KEY, wait_until

CONNECTIONS = 64


def test_a_thousand_invocations_of_one_date_are_one_run(invoker, messenger, prefect):
    asked = ask(invoker.base_url.port, [DAY] * 1000, connections=CONNECTIONS)

    statuses = Counter(one.status for one in asked)
    assert statuses[202] >= 1
    assert statuses[202] + statuses[200] == 1000
    assert {one.answer["run_id"] for one in asked} == {"rfm-1998-06-30-1"}
    wait_until(prefect.keys)
    assert prefect.keys() == [KEY]
    assert len(invoker.get("/runs").json()["runs"]) == 1


def test_two_hundred_dates_at_once_are_two_hundred_runs(invoker, messenger, prefect):
    days = [str(date(1998, 6, 30) - timedelta(days=back)) for back in range(200)]

    asked = ask(invoker.base_url.port, days, connections=200)

    assert [one.status for one in asked] == [202] * 200
    wait_until(lambda: len(prefect.flow_runs) == 200, within=30)
    assert sorted(prefect.keys()) == sorted(f"rfm-{day}-1/orchestrate" for day in days)
    assert messenger.dead_letters() == []
