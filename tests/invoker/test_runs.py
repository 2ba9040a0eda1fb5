"""GET /runs and /runs/{run_id}: how runs go, also those that died without a word."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from invoker import look
from register.sqlite import SqliteRegister
from tests.invoker.parts import DAY, KEY, request_for, send, send_status, wait_until

RUN = "/runs/rfm-1998-06-30-1"


def test_a_run_shows_its_steps_with_facts_and_errors(invoker, messenger):
    invoker.get("/invoke", params={"run_date": DAY})
    send(messenger, request_for("features"))
    send_status(messenger, request_for("features"), "succeeded", facts={"rows": 5}, flow_run_id="f1")
    send_status(messenger, request_for("scoring"), "failed", error={"type": "NoRules", "message": "no such rule set"})
    send_status(messenger, request_for(), "started", flow_run_id="o1")

    wait_until(lambda: len(invoker.get(RUN).json()["steps"]) == 3 and invoker.get(RUN).json()["state"] == "started")

    run = invoker.get(RUN).json()
    steps = {step["step"]: step for step in run["steps"]}
    assert (run["run_date"], run["attempt"], run["requested_by"]) == (DAY, 1, "http from 127.0.0.1")
    assert (steps["features"]["state"], steps["features"]["facts"]) == ("succeeded", {"rows": 5})
    assert steps["scoring"]["error"] == {"type": "NoRules", "message": "no such rule set", "retryable": False}
    assert steps["orchestrate"]["flow_run_id"] == "o1"


def test_an_unknown_run_is_not_found(invoker):
    answer = invoker.get("/runs/rfm-1998-06-30-9")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_runs_are_listed_newest_first_and_limited(front):
    for day in ("1998-06-28", "1998-06-30", "1998-06-29"):
        front.get("/invoke", params={"run_date": day})

    runs = front.get("/runs", params={"limit": 2}).json()["runs"]

    assert [run["run_date"] for run in runs] == ["1998-06-29", "1998-06-30"]
    assert front.get("/runs", params={"limit": 0}).status_code == 422


@pytest.mark.parametrize("state", ["Cancelled", "Failed"])
def test_a_run_that_died_without_a_word_is_shown_as_failed_and_answered_with_a_new_attempt(invoker, prefect, state):
    invoker.get("/invoke", params={"run_date": DAY})
    wait_until(prefect.keys)
    prefect.end(KEY, state)

    run = wait_until(lambda: (found := invoker.get(RUN).json())["state"] == "failed" and found)

    assert run["error"]["type"] == state
    again = invoker.get("/invoke", params={"run_date": DAY})
    assert (again.status_code, again.json()["attempt"]) == (202, 2)


def test_a_run_whose_orchestrator_crashed_is_taken_up_when_it_is_asked_for_again(invoker, prefect):
    invoker.get("/invoke", params={"run_date": DAY})
    wait_until(prefect.keys)
    prefect.end(KEY, "Crashed")
    assert invoker.get(RUN).json()["state"] == "requested"

    again = invoker.get("/invoke", params={"run_date": DAY})

    assert (again.status_code, again.json()["attempt"]) == (200, 1)
    wait_until(lambda: f"{KEY}/2" in list(prefect.keys()))


def test_force_is_needed_for_other_parameters_while_a_crashed_run_can_be_taken_up(invoker, prefect):
    invoker.get("/invoke", params={"run_date": DAY})
    wait_until(prefect.keys)
    prefect.end(KEY, "Crashed")

    asked = {"run_date": DAY, "parameters": {"rules": "tercile"}}

    assert invoker.post("/invoke", json=asked).status_code == 409
    assert invoker.post("/invoke", json=asked | {"force": True}).json()["attempt"] == 2


def test_a_run_that_goes_on_as_another_attempt_says_so(invoker, prefect, messenger):
    invoker.get("/invoke", params={"run_date": DAY})
    wait_until(prefect.keys)
    error = {"type": "StepLost", "message": "gone", "retryable": True}
    facts = {"continued_by": "rfm-1998-06-30-2"}
    send_status(messenger, request_for(), "failed", error=error, facts=facts, flow_run_id="f-1")

    run = wait_until(lambda: (found := invoker.get(RUN).json())["state"] == "failed" and found)

    assert run["continued_by"] == "rfm-1998-06-30-2"


def test_a_run_that_just_failed_is_left_its_own_words(invoker, prefect, messenger):
    invoker.get("/invoke", params={"run_date": DAY})
    wait_until(prefect.keys)
    prefect.end(KEY, "Failed")
    prefect.run_of(KEY)["end_time"] = datetime.now(UTC).isoformat()
    assert invoker.get(RUN).json()["state"] == "requested"

    send_status(messenger, request_for(), "failed", error={"type": "StepFailed", "message": "no orders"})

    run = wait_until(lambda: (found := invoker.get(RUN).json())["state"] == "failed" and found)
    assert run["error"]["type"] == "StepFailed"


def test_a_run_that_ended_well_and_whose_last_word_was_lost_is_shown_as_succeeded(invoker, prefect, messenger):
    invoker.get("/invoke", params={"run_date": DAY})
    wait_until(prefect.keys)
    send_status(messenger, request_for(), "started", flow_run_id=prefect.run_of(KEY)["id"])
    prefect.end(KEY, "Completed")

    run = wait_until(lambda: (found := invoker.get(RUN).json())["state"] == "succeeded" and found)

    assert run["error"] is None
    assert invoker.get("/invoke", params={"run_date": DAY}).status_code == 200


def test_a_run_that_just_ended_well_is_left_its_own_words(invoker, prefect):
    invoker.get("/invoke", params={"run_date": DAY})
    wait_until(prefect.keys)
    prefect.end(KEY, "Completed")
    prefect.run_of(KEY)["end_time"] = datetime.now(UTC).isoformat()

    assert invoker.get(RUN).json()["state"] == "requested"


@pytest.mark.parametrize("status", [404, 409, 422])
def test_a_prefect_that_refuses_the_search_makes_no_answer_fail(front, prefect, status):
    front.get("/invoke", params={"run_date": DAY})
    prefect.answers_with = status

    assert front.get(RUN).json()["state"] == "requested"
    assert front.get("/invoke", params={"run_date": DAY}).status_code == 200


def test_a_run_that_was_refused_and_replayed_after_the_repair_shows_how_it_went(invoker, prefect, messenger):
    registered = prefect.deployments.pop("orchestrate/rfm")
    invoker.get("/invoke", params={"run_date": DAY})
    letter = wait_until(messenger.dead_letters)[0]
    wait_until(lambda: invoker.get(RUN).json()["state"] == "failed")

    prefect.deployments["orchestrate/rfm"] = registered
    messenger.replay(letter.message_id)
    wait_until(prefect.keys)
    send_status(messenger, request_for(), "started", flow_run_id=prefect.run_of(KEY)["id"])
    wait_until(lambda: invoker.get(RUN).json()["state"] == "started")
    send_status(messenger, request_for(), "succeeded", flow_run_id=prefect.run_of(KEY)["id"])

    run = wait_until(lambda: (found := invoker.get(RUN).json())["state"] == "succeeded" and found)
    assert run["error"] is None


def test_a_run_that_prefect_started_itself_is_found_by_the_id_it_told(invoker, prefect, messenger):
    crashed = prefect.put("orchestrate/rfm", "a schedule's own key", {})
    prefect.end("a schedule's own key", "Cancelled")
    send_status(messenger, request_for(), "started", flow_run_id=crashed["id"])

    run = wait_until(lambda: (f := invoker.get(RUN).json()).get("state") == "failed" and f)

    assert run["error"]["type"] == "Cancelled"


def test_a_run_that_prefect_never_heard_of_ends_as_never_started(front, settings):
    """As when its request became a dead letter."""
    register = SqliteRegister(settings.runs.path)
    long_ago = datetime.now(UTC) - timedelta(seconds=settings.orchestrator.step_deadline + 1)
    run, _ = register.claim("rfm", long_ago.date(), {}, force=False, requested_by="a test", now=long_ago)
    register.mark_published(run.run_id)
    register.close()

    shown = front.get(f"/runs/{run.run_id}").json()

    assert (shown["state"], shown["error"]["type"]) == ("failed", "NeverStarted")


@pytest.mark.parametrize("known_to_prefect", [False, True])
def test_a_run_that_waits_in_line_has_not_ended_however_long_ago_it_was_asked_for(
    front, prefect, settings, known_to_prefect
):
    """As a run that was started by hand, or a further attempt: Prefect does not know it by its own key."""
    long_ago = datetime.now(UTC) - timedelta(seconds=settings.orchestrator.step_deadline + 1)
    with closing(SqliteRegister(settings.runs.path)) as register:
        run, _ = register.claim("rfm", long_ago.date(), {}, force=False, requested_by="a test", now=long_ago)
        register.mark_published(run.run_id)
        if known_to_prefect:
            key = f"{run.run_id}/orchestrate"
            prefect.put("orchestrate/rfm", key, {})
            prefect.end(key, "Failed")
        in_line = {"at_once": 1, "lease": timedelta(minutes=1), "patience": timedelta(minutes=1)}
        register.take_turn(run.run_id, "a process", **in_line, now=datetime.now(UTC))
        while_in_line = front.get(f"/runs/{run.run_id}").json()
        register.end_turn(run.run_id, "a process")

    assert while_in_line["state"] == "requested"
    shown = wait_until(lambda: (found := front.get(f"/runs/{run.run_id}").json())["state"] == "failed" and found)
    assert shown["error"]["type"] == ("Failed" if known_to_prefect else "NeverStarted")


def test_prefect_down_makes_no_answer_fail_or_slow(front, prefect, monkeypatch):
    monkeypatch.setattr(look, "WITHIN", 0.2)
    monkeypatch.setattr(look, "FRESH", 0)
    prefect.slow_by = 5
    front.get("/invoke", params={"run_date": DAY})

    first = front.get(RUN)
    blind = [front.get("/invoke", params={"run_date": DAY}) for _ in range(5)]

    assert first.status_code == 200
    assert max(answer.elapsed for answer in [first, *blind]) < timedelta(seconds=prefect.slow_by)
    assert len([path for _, path, _ in prefect.asked if path == "/api/flow_runs/filter"]) == 1


def test_many_who_ask_at_once_share_one_look(front, prefect):
    front.get("/invoke", params={"run_date": DAY})

    for _ in range(20):
        front.get("/invoke", params={"run_date": DAY})

    assert len([path for _, path, _ in prefect.asked if path == "/api/flow_runs/filter"]) <= 3
