"""The Prefect server stops before, during and after dispatch: every accepted run gets its flow run, once."""

import threading

import pytest

from invoker.app import create_app
from messenger import consume
from tests.invoker.parts import DAY, KEY, client_of, wait_until

DAYS = [f"1998-05-{day:02}" for day in range(1, 11)]
KEYS = sorted(f"rfm-{day}-1/orchestrate" for day in DAYS)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """Between tries of a message: as in life, with tenths of seconds."""
    monkeypatch.setattr(consume, "growing", lambda count, longest: 0.1)


def ask_for_all(invoker):
    return [invoker.get("/invoke", params={"run_date": day}).status_code for day in DAYS]


def test_stopped_before_the_dispatch(invoker, messenger, prefect):
    prefect.stop()

    accepted = ask_for_all(invoker)
    assert prefect.flow_runs == {}
    prefect.start()

    wait_until(lambda: sorted(prefect.keys()) == KEYS)
    assert accepted == [202] * len(DAYS)
    assert messenger.dead_letters() == []


def test_stopped_and_started_all_the_time_during_the_dispatch(invoker, messenger, prefect):
    done = threading.Event()

    def shake():
        while not done.wait(0.05):
            prefect.stop()
            done.wait(0.05)
            prefect.start()

    shaking = threading.Thread(target=shake)
    shaking.start()
    try:
        accepted = ask_for_all(invoker)
    finally:
        done.set()
        shaking.join()

    wait_until(lambda: sorted(prefect.keys()) == KEYS)
    assert accepted == [202] * len(DAYS)
    assert messenger.dead_letters() == []


@pytest.mark.parametrize("status", [500, 503, 429])
def test_answering_with_errors_during_the_dispatch(invoker, messenger, prefect, status):
    prefect.answers_with = status
    invoker.get("/invoke", params={"run_date": DAY})
    wait_until(lambda: len(prefect.asked) >= 2)

    prefect.answers_with = None

    wait_until(lambda: prefect.keys() == [KEY])
    assert messenger.dead_letters() == []


def test_stopped_after_the_dispatch(invoker, messenger, prefect):
    ask_for_all(invoker)
    wait_until(lambda: sorted(prefect.keys()) == KEYS)
    prefect.stop()

    again = ask_for_all(invoker)
    prefect.start()

    assert again == [200] * len(DAYS)
    assert sorted(prefect.keys()) == KEYS


def test_the_answer_is_lost_on_the_way_after_the_flow_run_was_created(invoker, messenger, prefect):
    """The second try finds the flow run of the first one."""
    prefect.loses_answers = 3

    invoker.get("/invoke", params={"run_date": DAY})

    wait_until(lambda: len([path for _, path, _ in prefect.asked if path.endswith("/create_flow_run")]) == 4)
    assert prefect.keys() == [KEY]
    assert messenger.dead_letters() == []


def test_the_invoker_stops_while_prefect_is_down_and_its_successor_dispatches(settings, messenger, prefect):
    prefect.stop()
    with client_of(create_app(settings)) as first:
        accepted = ask_for_all(first)
    prefect.start()

    with client_of(create_app(settings)):
        wait_until(lambda: sorted(prefect.keys()) == KEYS)

    assert accepted == [202] * len(DAYS)
