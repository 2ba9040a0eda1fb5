"""Dead letters are kept with the reason, and can be looked at, replayed and dropped."""

import pytest

from messenger.messenger import INVOKER_REQUESTS, REGISTER_STATUSES, REQUESTS, STATUSES
from tests.contract.messenger.pulling import ATTRIBUTES, dead_letter, pull_all, pull_one


def test_a_buried_message_is_a_dead_letter_at_once_and_its_neighbours_go_on(messenger):
    first, second = messenger.publish_many(REQUESTS, [(b"poison", ATTRIBUTES), (b"good", ATTRIBUTES)])
    for delivery in pull_all(messenger, 2):
        if delivery.message_id == first:
            messenger.bury(delivery, "no such step")
        else:
            messenger.nack(delivery)

    letter = dead_letter(messenger)

    assert (letter.message_id, letter.reason, letter.deliveries) == (first, "no such step", 1)
    assert pull_one(messenger).message_id == second


def test_a_buried_message_is_acknowledged(messenger, tick):
    messenger.publish(REQUESTS, b"poison", ATTRIBUTES)
    delivery = pull_one(messenger)
    messenger.extend(delivery, tick)

    messenger.bury(delivery, "no such step")

    assert messenger.pull(INVOKER_REQUESTS, limit=1, wait=1.5 * tick) == []


def test_the_dead_letters_of_one_subscription_are_not_those_of_another(messenger):
    messenger.subscribe("waiter-other", STATUSES)
    messenger.publish(STATUSES, b"poison", ATTRIBUTES)

    messenger.bury(pull_one(messenger, REGISTER_STATUSES), "unreadable")

    assert dead_letter(messenger).subscription == REGISTER_STATUSES
    assert pull_one(messenger, "waiter-other").body == b"poison"


def test_dead_letters_can_be_looked_at_again_and_again(messenger):
    for number in range(3):
        messenger.publish(REQUESTS, b"%d" % number, ATTRIBUTES)
        messenger.bury(pull_one(messenger), f"reason {number}")

    for _ in range(2):
        assert [letter.reason for letter in messenger.dead_letters()] == ["reason 0", "reason 1", "reason 2"]


def test_a_replayed_message_comes_again_as_itself(messenger):
    message_id = messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    messenger.bury(pull_one(messenger), "not now")
    dead_letter(messenger)

    messenger.replay(message_id)

    again = pull_one(messenger)
    assert (again.message_id, again.body, again.attributes) == (message_id, b"body", ATTRIBUTES)
    assert again.delivery_attempt == 1
    assert messenger.dead_letters() == []


def test_a_replayed_message_can_die_again(messenger):
    message_id = messenger.publish(REQUESTS, b"body", ATTRIBUTES)
    messenger.bury(pull_one(messenger), "first")
    dead_letter(messenger)
    messenger.replay(message_id)

    messenger.bury(pull_one(messenger), "second")

    letter = dead_letter(messenger)
    assert (letter.message_id, letter.reason) == (message_id, "second")
    messenger.drop(message_id)
    assert messenger.dead_letters() == []


def test_a_dropped_dead_letter_is_gone(messenger, nothing_on):
    for body in (b"drop", b"keep"):
        messenger.publish(REQUESTS, body, ATTRIBUTES)
        messenger.bury(pull_one(messenger), "never")
    first, second = messenger.dead_letters()

    messenger.drop(first.message_id)

    assert [letter.message_id for letter in messenger.dead_letters()] == [second.message_id]
    assert nothing_on(messenger)


@pytest.mark.parametrize("act", ["replay", "drop"])
def test_there_is_no_dead_letter_of_another_id(messenger, act):
    assert "no dead letter has the message id nowhere" in getattr(messenger, act)("nowhere")["nowhere"]


def test_a_dead_letter_whose_waiter_is_gone_is_not_replayed_into_nowhere_and_keeps_no_other_from_it(messenger):
    messenger.subscribe("waiter-left", STATUSES)
    stays = messenger.publish(STATUSES, b"body", ATTRIBUTES)
    messenger.bury(pull_one(messenger, "waiter-left"), "unreadable")
    goes = messenger.publish(REQUESTS, b"newer", ATTRIBUTES)
    messenger.bury(pull_one(messenger), "not now")
    messenger.unsubscribe("waiter-left")

    not_replayed = messenger.replay(stays, goes)

    assert not_replayed.keys() == {stays}
    assert "subscription waiter-left" in not_replayed[stays]
    assert [left.message_id for left in messenger.dead_letters()] == [stays]
    assert pull_one(messenger).body == b"newer"
