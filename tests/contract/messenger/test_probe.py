"""On every carrier a probe comes back to whoever sent it, and leaves nothing behind."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from messenger.messenger import STANDING
from messenger.probe import ProbeLost, round_trip

WITHIN = 20


def test_a_probe_comes_back_and_leaves_no_subscription(messenger):
    standing = messenger.subscriptions()

    assert 0 < round_trip(messenger, within=WITHIN) < WITHIN
    assert messenger.subscriptions() == standing
    assert set(STANDING) <= set(standing)


def test_each_of_many_at_once_hears_its_own(messenger):
    with ThreadPoolExecutor(4) as threads:
        took = list(threads.map(lambda _: round_trip(messenger, within=WITHIN), range(4)))

    assert len(took) == 4


def test_a_probe_that_does_not_come_back_is_lost(messenger, monkeypatch):
    monkeypatch.setattr(messenger, "publish", lambda *_: "gone")

    with pytest.raises(ProbeLost, match="not heard within"):
        round_trip(messenger, within=0.1)


def test_a_waiters_subscription_is_listed_by_its_name_until_it_is_removed(messenger):
    messenger.subscribe("statuses-rfm-2026-06-29-1", "statuses")
    assert "statuses-rfm-2026-06-29-1" in messenger.subscriptions()

    messenger.unsubscribe("statuses-rfm-2026-06-29-1")
    assert "statuses-rfm-2026-06-29-1" not in messenger.subscriptions()
