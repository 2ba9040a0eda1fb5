"""Messages that come twice, late, or broken: one run of each, a reason for the rest, and nobody is held up."""

import time

import pytest

from messenger.contract import ORCHESTRATE
from messenger.messenger import REQUESTS
from tests.invoker.parts import DAY, KEY, request_for, send, told, wait_until


def creations(prefect):
    return len([path for _, path, _ in prefect.asked if path.endswith("/create_flow_run")])


def settled(messenger, dead=0):
    """Every request was taken and handled: nothing waits, and so many are dead letters."""
    wait_until(lambda: len(messenger.dead_letters()) == dead, what=f"{dead} dead letters")


@pytest.mark.parametrize("times", [2, 10, 12])
@pytest.mark.parametrize("step", [ORCHESTRATE, "features"])
def test_the_same_message_many_times_at_once_is_one_run(invoker, messenger, prefect, times, step):
    request = request_for(step)

    messenger.publish_many(REQUESTS, [(request.encode(), request.attributes())] * times)

    # a request is counted when it comes, and its flow run is there a moment later
    wait_until(lambda: creations(prefect) == times and prefect.keys())
    assert prefect.keys() == [request.key]
    assert messenger.dead_letters() == []


def test_a_duplicate_after_completion_is_acknowledged_and_starts_nothing(invoker, carrier, messenger, prefect):
    messenger.subscribe("waiter", "statuses")
    send(messenger, request_for("features"))
    wait_until(prefect.keys)
    prefect.end("rfm-1998-06-30-1/features", "Completed")

    send(messenger, request_for("features"))

    wait_until(lambda: creations(prefect) == 2)
    assert len(prefect.flow_runs) == 1
    assert messenger.pull("waiter", limit=1, wait=carrier.quiet) == []
    assert messenger.dead_letters() == []


def test_a_duplicate_after_a_crash_takes_the_run_up_again(invoker, messenger, prefect):
    send(messenger, request_for())
    wait_until(prefect.keys)
    prefect.end(KEY, "Crashed")

    send(messenger, request_for())

    wait_until(lambda: f"{KEY}/2" in list(prefect.keys()))
    answer = invoker.get("/invoke", params={"run_date": DAY})
    assert (answer.status_code, answer.json()["attempt"]) == (200, 1)


def test_a_known_key_with_other_parameters_is_a_dead_letter_and_a_conflict(invoker, messenger, prefect):
    send(messenger, request_for(parameters={"rules": "quintile"}))
    wait_until(prefect.keys)

    send(messenger, request_for(parameters={"rules": "tercile"}))

    settled(messenger, dead=1)
    [letter] = messenger.dead_letters()
    assert "other parameters" in letter.reason
    assert prefect.run_of(KEY)["parameters"]["parameters"] == {"rules": "quintile"}
    wait_until(lambda: invoker.get("/runs").json()["runs"])
    other = invoker.post("/invoke", json={"run_date": DAY, "parameters": {"rules": "tercile"}})
    assert other.status_code == 409


def poisons(largest):
    good = request_for("features")
    attributes = good.attributes()
    return {
        "not JSON": (b"{run_id: 1}", attributes),
        "empty": (b"", attributes),
        "a Python dict as text": (str(good.model_dump(mode="json")).encode(), attributes),
        "another version": (good.encode().replace(b'"version":1', b'"version":2'), attributes),
        "10 MB": (b" " * (largest - 2) + b"{}", attributes),
        "no attributes": (good.encode(), {}),
        "another run's attributes": (good.encode(), request_for("features", attempt=2).attributes()),
        "not UTF-8": (b"\xff\xfe\x00", attributes),
        "a date that is none": (good.encode().replace(b'"1998-06-30"', b'"1998-06-31"'), attributes),
        "a status": (b'{"version":1,"state":"started"}', attributes),
    }


def test_poison_goes_to_the_dead_letters_with_a_reason_and_its_neighbours_go_on(invoker, carrier, messenger, prefect):
    poison = list(poisons(carrier.largest).values())
    for number, (body, attributes) in enumerate(poison, start=1):
        messenger.publish(REQUESTS, body, attributes)
        send(messenger, request_for("scoring", attempt=number))

    wait_until(lambda: len(prefect.flow_runs) == len(poison))
    settled(messenger, dead=len(poison))
    letters = messenger.dead_letters()
    assert {(letter.body, frozenset(letter.attributes.items())) for letter in letters} == {
        (body, frozenset(attributes.items())) for body, attributes in poison
    }
    assert all(letter.reason and "1998-06-31" not in letter.reason for letter in letters)
    assert all(letter.deliveries == 1 for letter in letters)


def test_a_dead_letter_takes_effect_once_after_it_is_replayed(invoker, messenger, prefect):
    registered = prefect.deployments.pop("orchestrate/rfm")
    sent = send(messenger, request_for())
    settled(messenger, dead=1)
    assert "prefect deploy" in messenger.dead_letters()[0].reason

    prefect.deployments["orchestrate/rfm"] = registered
    messenger.replay(sent)

    wait_until(prefect.keys)
    settled(messenger, dead=0)
    assert prefect.keys() == [KEY]


def test_poison_among_the_statuses_holds_nobody_up(invoker, messenger):
    messenger.publish("statuses", b"poison", {})
    invoker.get("/invoke", params={"run_date": DAY})

    settled(messenger, dead=1)
    assert messenger.dead_letters()[0].subscription == "statuses-register"


def test_only_deployments_of_known_pipelines_are_started_whatever_a_message_says(invoker, messenger, prefect):
    messenger.subscribe("waiter", "statuses")
    prefect.deployments["healthcheck/rfm"] = "00000000-0000-0000-0000-00000000000a"

    send(messenger, request_for("healthcheck"))

    status = told(messenger, "waiter")
    assert (status.step, status.state) == ("healthcheck", "failed")
    settled(messenger, dead=1)
    assert prefect.flow_runs == {}


def test_what_fails_at_once_is_told_at_once(invoker, messenger, prefect):
    messenger.subscribe("waiter", "statuses")
    prefect.refuses_parameters = True
    began = time.monotonic()

    send(messenger, request_for("features"))

    assert told(messenger, "waiter").error.type == "FlowRunRefused"
    assert time.monotonic() - began < 5
