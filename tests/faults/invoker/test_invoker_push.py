"""Pushed by Google's emulator over HTTP: one run of each message, and a message that waits while Prefect is down."""

import re
from datetime import timedelta

import pytest
from google.pubsub_v1 import SubscriberClient

from invoker.app import create_app
from messenger.messenger import REQUESTS
from messenger.pubsub_resources import DEAD_LETTERS
from settings import PROJECT
from tests.invoker.parts import DAY, KEY, client_of, request_for, send, settings_for, wait_until

SUBSCRIPTION = "requests-push"
pytestmark = pytest.mark.parametrize("carrier", ["pubsub"], indirect=True)


def most_deliveries():
    """What docs/invoker.md gives a subscription that pushes."""
    [told] = re.findall(r"--max-delivery-attempts=(\d+)", (PROJECT / "docs" / "invoker.md").read_text())
    return int(told)


@pytest.fixture
def pushed(tmp_path, prefect, carrier, messenger):
    """The invoker, to which the emulator pushes what is sent; without tokens, which the emulator does not send."""
    path = f"projects/{carrier.settings.project}/subscriptions/{carrier.prefix}{SUBSCRIPTION}"
    topics = f"projects/{carrier.settings.project}/topics/{carrier.prefix}"
    settings = settings_for(tmp_path, prefect, carrier.settings, pull=False, push_requests=path)
    with client_of(create_app(settings)) as client:
        subscription = {
            "name": path,
            "topic": f"{topics}{REQUESTS}",
            "push_config": {"push_endpoint": f"{client.base_url}/pubsub/push"},
            "dead_letter_policy": {
                "dead_letter_topic": f"{topics}{DEAD_LETTERS}",
                "max_delivery_attempts": most_deliveries(),
            },
            # those of the document would take each test minutes
            "retry_policy": {"minimum_backoff": timedelta(0), "maximum_backoff": timedelta(0)},
        }
        SubscriberClient().create_subscription(request=subscription)
        yield client
        SubscriberClient().delete_subscription(subscription=path)


def creations(prefect):
    return len([path for _, path, _ in prefect.asked if path.endswith("/create_flow_run")])


@pytest.mark.parametrize("times", [2, 10, 12])
def test_the_same_message_many_times_at_once_is_one_run(pushed, messenger, prefect, times):
    request = request_for()

    messenger.publish_many(REQUESTS, [(request.encode(), request.attributes())] * times)

    wait_until(lambda: creations(prefect) == times)
    assert prefect.keys() == [KEY]
    assert messenger.dead_letters() == []


def test_a_known_key_with_other_parameters_is_a_dead_letter(pushed, messenger, prefect):
    send(messenger, request_for(parameters={"rules": "quintile"}))
    wait_until(prefect.keys)

    send(messenger, request_for(parameters={"rules": "tercile"}))

    letters = wait_until(messenger.dead_letters)
    assert ["other parameters" in letter.reason for letter in letters] == [True]
    assert letters[0].subscription == SUBSCRIPTION


def test_while_prefect_is_down_it_is_pushed_again_and_accepted_runs_are_dispatched(pushed, messenger, prefect):
    prefect.answers_with = 503
    assert pushed.get("/invoke", params={"run_date": DAY}).status_code == 202
    send(messenger, request_for("features"))
    wait_until(lambda: len(prefect.asked) >= 4, what="tries of both")
    prefect.answers_with = None

    wait_until(lambda: sorted(prefect.keys()) == ["rfm-1998-06-30-1/features", KEY])
    assert messenger.dead_letters() == []


def test_prefect_may_be_down_for_more_pushes_than_pub_sub_gives_up_after_elsewhere(pushed, messenger, prefect):
    prefect.answers_with = 503
    send(messenger, request_for())
    wait_until(lambda: len(prefect.asked) >= 8, within=60, what="more tries")
    prefect.answers_with = None

    wait_until(lambda: prefect.keys() == [KEY])
    assert messenger.dead_letters() == []
