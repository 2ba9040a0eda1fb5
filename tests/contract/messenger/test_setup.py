"""From the set-up to the end: what is missing, and who may use it."""

import threading

import pytest

from messenger.messenger import INVOKER_REQUESTS, REGISTER_STATUSES, REQUESTS, MessengerUnavailable
from tests.contract.messenger.pulling import ATTRIBUTES, pull_all, pull_one


def test_what_is_missing_is_listed_and_made(carrier):
    messenger = carrier.open()
    missing = "\n".join(messenger.missing())
    assert INVOKER_REQUESTS in missing
    assert REGISTER_STATUSES in missing

    messenger.setup()

    assert messenger.missing() == []


def test_setting_up_again_keeps_what_is_there(carrier, messenger):
    messenger.publish(REQUESTS, b"body", ATTRIBUTES)

    carrier.open().setup()

    assert pull_one(messenger).body == b"body"


def test_a_closed_messenger_says_so(carrier):
    messenger = carrier.open()
    messenger.setup()
    messenger.close()

    with pytest.raises(MessengerUnavailable):
        messenger.publish(REQUESTS, b"body", ATTRIBUTES)


def test_many_threads_may_use_one_messenger(messenger):
    threads = [
        threading.Thread(target=lambda: [messenger.publish(REQUESTS, b"body", ATTRIBUTES) for _ in range(20)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({delivery.message_id for delivery in pull_all(messenger, 160)}) == 160
