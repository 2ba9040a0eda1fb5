"""The same message again, news out of order, and consumers that are killed: nothing lost, nothing doubled."""

import random
import signal
import threading

import pytest

from messenger.decode import decode_request, decode_status
from messenger.messenger import INVOKER_REQUESTS, REGISTER_STATUSES
from register.sqlite import SqliteRegister
from tests.consuming import SOON, consuming, until
from tests.messages import DAY, NOW, publish, request, status
from tests.processes import process


@pytest.fixture
def register(tmp_path):
    register = SqliteRegister(tmp_path / "register.db")
    yield register
    register.close()


@pytest.mark.parametrize("times", [2, 10, 12])
def test_the_same_request_many_times_at_once_takes_effect_once(carrier, messenger, leasing, register, times):
    threads = [threading.Thread(target=publish, args=(messenger, request("orchestrate"))) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    new = []

    def handle(delivery):
        asked = decode_request(delivery)
        claim = {"force": False, "requested_by": asked.requested_by, "now": NOW}
        new.append(register.claim(asked.pipeline, asked.run_date, asked.parameters, **claim)[1])

    with consuming(leasing, INVOKER_REQUESTS, handle, threads=8, lease=carrier.lease):
        until(lambda: len(new) == times, "every copy handled")

    assert new.count(True) == 1
    assert carrier.nothing_left(leasing, INVOKER_REQUESTS)
    assert messenger.dead_letters() == []


def test_a_duplicate_after_completion_is_acknowledged_and_changes_nothing(carrier, leasing, register):
    done = status("succeeded", minutes=5)
    register.note_status(done)
    before = register.get(done.run_id)
    seen = []

    def handle(delivery):
        register.note_status(decode_status(delivery))
        seen.append(delivery)

    publish(leasing, done, status("started"))
    with consuming(leasing, REGISTER_STATUSES, handle, lease=carrier.lease):
        until(lambda: len(seen) == 2, "both handled")

    assert register.get(done.run_id) == before
    assert carrier.nothing_left(leasing, REGISTER_STATUSES)


@pytest.mark.parametrize("seed", range(3))
def test_statuses_out_of_order_and_doubled_end_in_the_same_state(messenger, register, seed):
    news = [
        status("started"),
        status("started", "features", minutes=1),
        status("succeeded", "features", minutes=2),
        status("started", "scoring", minutes=3),
        status("failed", "scoring", minutes=4),
        status("failed", minutes=5),
    ] * 2
    random.Random(seed).shuffle(news)
    seen = []

    def handle(delivery):
        register.note_status(decode_status(delivery))
        seen.append(delivery)

    publish(messenger, *news)
    with consuming(messenger, REGISTER_STATUSES, handle, threads=4):
        until(lambda: len(seen) == len(news), "all handled")

    run = register.get(news[0].run_id)
    assert run.state == "failed"
    assert {step.step: step.state for step in run.steps} == {
        "orchestrate": "failed",
        "features": "succeeded",
        "scoring": "failed",
    }


WORK_THEN_HANG_OR_END = """
import sys, time
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Event
from messenger.consume import consume
from messenger.decode import decode_request
from register.sqlite import SqliteRegister
register, stop = SqliteRegister(Path(sys.argv[1])), Event()

def handle(delivery):
    asked = decode_request(delivery)
    run, new = register.claim(
        asked.pipeline, asked.run_date, asked.parameters, force=False, requested_by="x", now=datetime.now(UTC)
    )
    print(run.run_id, new, delivery.delivery_attempt, flush=True)
    if sys.argv[2] == "hang":
        time.sleep(60)
    stop.set()

# one thread: while it works, no further pull is on its way, which the emulator would go on serving
consume(messenger, "requests-invoker", handle, stop=stop, threads=1, lease=1)
messenger.close()
"""


def test_a_consumer_killed_between_work_and_acknowledgement_is_followed_by_another_and_the_effect_is_one(
    carrier, messenger, tmp_path
):
    asked = request("orchestrate")
    publish(messenger, asked)
    script = carrier.in_script(lease=1.0) + WORK_THEN_HANG_OR_END

    with process(script, tmp_path / "register.db", "hang") as first:
        assert first.stdout.readline().split() == [asked.run_id, "True", "1"]
        first.send_signal(signal.SIGKILL)
    with process(script, tmp_path / "register.db", "end") as second:
        assert second.stdout.readline().split() == [asked.run_id, "False", "2"]
        assert second.wait(SOON) == 0

    assert carrier.nothing_left(messenger, INVOKER_REQUESTS)
    assert messenger.dead_letters() == []


def test_a_message_that_kills_every_consumer_is_a_dead_letter_after_its_last_delivery(carrier, messenger):
    """Each process takes it and dies; the next one finds it again, until it is taken out of the way."""
    carrier.open(max_deliveries=2)
    publish(messenger, request(attempt=1))
    taken = []
    dying = carrier.open(max_deliveries=2)
    for _ in range(2):
        (delivery,) = dying.pull(INVOKER_REQUESTS, limit=1, wait=10)
        dying.extend(delivery, 0)
    publish(messenger, request(attempt=2))

    with consuming(dying, INVOKER_REQUESTS, lambda delivery: taken.append(decode_request(delivery).attempt)):
        until(lambda: taken and dying.dead_letters(), "the neighbour and the dead letter")

    (letter,) = dying.dead_letters()
    assert (letter.attributes["run_id"], letter.deliveries) == ("rfm-2026-01-05-1", 2)
    assert taken == [2]


def test_a_lease_that_ends_in_the_middle_of_the_work_doubles_the_delivery_and_not_the_effect(
    carrier, messenger, register
):
    """As after a pause of the whole machine: nobody could extend the lease."""
    publish(messenger, request("orchestrate"))
    (first,) = messenger.pull(INVOKER_REQUESTS, limit=1, wait=10)
    messenger.extend(first, carrier.tick)
    other = carrier.open(lease=carrier.lease)
    (second,) = other.pull(INVOKER_REQUESTS, limit=1, wait=10)

    claim = {"force": False, "requested_by": "x", "now": NOW}
    new = [register.claim("rfm", DAY, {}, **claim)[1] for _ in (first, second)]
    other.ack(second)
    messenger.ack(first)

    assert new == [True, False]
    assert carrier.nothing_left(other, INVOKER_REQUESTS)
