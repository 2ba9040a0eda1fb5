"""Definitions of topics and subscriptions: names, and what Pub/Sub takes."""

from datetime import timedelta

import pytest

from messenger.messenger import (
    INVOKER_REQUESTS,
    REQUESTS,
    STATUSES,
)
from messenger.pubsub_resources import Resources

NAMED = Resources("acme", "rfm-", lease=45, max_deliveries=7)


def test_names_carry_the_prefix():
    assert NAMED.topic(REQUESTS) == "projects/acme/topics/rfm-requests"
    assert NAMED.subscription(INVOKER_REQUESTS) == "projects/acme/subscriptions/rfm-requests-invoker"


def test_a_waiter_gets_its_run_expires_and_gives_up_to_the_dead_letters():
    definition = NAMED.definition("waiter", STATUSES, run_id='r"\\1', expires_after=timedelta(days=2))

    assert definition["filter"] == 'attributes.run_id = "r\\"\\\\1"'
    assert definition["expiration_policy"] == {"ttl": timedelta(days=2)}
    assert definition["ack_deadline_seconds"] == 45
    assert definition["dead_letter_policy"] == {
        "dead_letter_topic": "projects/acme/topics/rfm-dead-letters",
        "max_delivery_attempts": 8,
    }


@pytest.mark.parametrize(("lease", "ack_deadline"), [(0.5, 10), (10, 10), (30.2, 31), (3600, 600)])
def test_a_lease_is_cut_to_what_pubsub_takes(lease, ack_deadline):
    assert Resources("p", "", lease, 5).definition("s", STATUSES)["ack_deadline_seconds"] == ack_deadline


@pytest.mark.parametrize(("wanted", "attempts"), [(1, 5), (5, 6), (99, 100), (1000, 100)])
def test_deliveries_are_cut_to_what_pubsub_takes(wanted, attempts):
    named = Resources("p", "", 30, wanted)

    assert named.definition("s", STATUSES)["dead_letter_policy"]["max_delivery_attempts"] == attempts
    assert named.dead_letter_policy(pushed=True)["max_delivery_attempts"] == 100


def test_a_standing_subscription_never_expires_and_a_waiter_not_within_a_day():
    assert NAMED.definition(INVOKER_REQUESTS, REQUESTS)["expiration_policy"] == {}
    waiter = NAMED.definition("waiter", STATUSES, expires_after=timedelta(hours=1))
    assert waiter["expiration_policy"] == {"ttl": timedelta(days=1)}
