"""Whoever waits for a run hears of it, and of nothing else: early, late, after a crash, among others."""

from datetime import timedelta

from messenger.decode import decode_status
from messenger.messenger import STATUSES
from tests.consuming import SOON
from tests.messages import publish, status

EXPIRY = timedelta(days=1)


def listen(messenger, run_id):
    messenger.subscribe(f"statuses-{run_id}", STATUSES, run_id=run_id, expires_after=EXPIRY)


def hear(messenger, run_id, count=1):
    """The statuses of the run; those of others, which a broker without filters delivers, are let go."""
    heard = []
    while len(heard) < count:
        deliveries = messenger.pull(f"statuses-{run_id}", limit=10, wait=SOON)
        assert deliveries, f"nothing of {run_id} within {SOON} s"
        for delivery in deliveries:
            messenger.ack(delivery)
            if delivery.attributes["run_id"] == run_id:
                heard.append(decode_status(delivery).state)
    return heard


def test_a_status_published_before_the_waiter_looks_is_heard(messenger):
    done = status("succeeded")
    listen(messenger, done.run_id)
    publish(messenger, done)

    assert hear(messenger, done.run_id) == ["succeeded"]


def test_another_runs_status_is_not_taken_from_its_waiter(carrier, messenger):
    mine, others = status("succeeded", attempt=1), status("failed", attempt=2)
    other = carrier.open()
    listen(messenger, mine.run_id)
    listen(other, others.run_id)

    publish(messenger, others, mine)

    assert hear(messenger, mine.run_id) == ["succeeded"]
    assert hear(other, others.run_id) == ["failed"]


def test_a_waiter_that_comes_back_after_a_crash_finds_what_came_meanwhile(carrier, messenger):
    before = carrier.open()
    listen(before, "rfm-2026-01-05-1")
    publish(messenger, status("started"))
    before.pull("statuses-rfm-2026-01-05-1", limit=1, wait=0)
    before.close()
    publish(messenger, status("succeeded"))

    again = carrier.open()
    listen(again, "rfm-2026-01-05-1")

    assert "succeeded" in hear(again, "rfm-2026-01-05-1")


def test_a_waiter_that_is_done_leaves_nothing_behind(messenger):
    done = status("succeeded")
    listen(messenger, done.run_id)
    messenger.unsubscribe(f"statuses-{done.run_id}")
    publish(messenger, done)

    listen(messenger, done.run_id)

    assert messenger.pull(f"statuses-{done.run_id}", limit=1, wait=0.4) == []
