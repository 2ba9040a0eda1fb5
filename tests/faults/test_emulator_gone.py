"""Google's emulator keeps nothing: killed and started again under a run that waits, it knows no topic any more.

What was published is lost, and the run loses nothing by it: the waiter listens anew, and the ledger tells what a step
has done whose status was lost (tests/tasks/test_wait.py, tests/faults/stack/test_news_lost.py).
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from deployments.emulator import free_port, running_emulator
from messenger.contract import RunRequest
from messenger.messenger import STATUSES
from messenger.pubsub import PubSubMessenger
from tasks.listen import listen, waiter_of
from tasks.look import UNKNOWN
from tasks.patience import patiently
from tasks.wait import wait_for_final
from tests.carriers import installed_emulator
from tests.messages import status
from tests.waiting import until

WITHIN = timedelta(seconds=120)


@pytest.fixture
def running(monkeypatch, tmp_path):
    """Starts the emulator for as long as a context lasts, at the same address each time."""
    port, script = free_port(), installed_emulator()
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{port}")
    return partial(running_emulator, script, tmp_path, port)


def opened():
    """A connection of one's own, as each process of the system has."""
    return closing(PubSubMessenger("test-project", prefix="gone-"))


def request_for(news):
    now = datetime.now(UTC)
    same = news.model_dump(include={"run_id", "pipeline", "step", "run_date", "attempt"})
    return RunRequest(**same, requested_by="test", requested_at=now, deadline=now + WITHIN)


def publish(news):
    """As a step does it: by a connection of its own, and again while the messenger cannot be reached."""

    def once():
        with opened() as messenger:
            messenger.publish(STATUSES, news.encode(), news.attributes())

    patiently(once, until=datetime.now(UTC) + WITHIN)


def set_up(messenger):
    patiently(messenger.setup, until=datetime.now(UTC) + WITHIN)


def test_who_waits_goes_on_when_it_is_back_and_made_anew(running):
    news = status("succeeded")
    with ThreadPoolExecutor() as beside, opened() as waiting, opened() as seen:
        with running():
            set_up(waiting)
            listen(waiting, news.run_id)
            wait = partial(wait_for_final, poll=0.5, start_within=120, look=lambda _request: UNKNOWN)
            answer = beside.submit(wait, waiting, request_for(news))

        with running():
            set_up(seen)
            until(lambda: waiter_of(news.run_id) in seen.subscriptions(), 60, "the waiter to listen anew")
            publish(news)

            assert answer.result(timeout=60) == news


def test_what_is_told_while_it_is_away_is_told_when_it_is_back(running):
    news = status("succeeded")
    with ThreadPoolExecutor() as beside, opened() as waiting:
        told = beside.submit(publish, news)
        with running():
            set_up(waiting)
            listen(waiting, news.run_id)

            told.result(timeout=60)
