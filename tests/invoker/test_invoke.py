"""GET and POST /invoke: what is asked, what is answered, and what is published."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from invoker.app import create_app
from messenger.messenger import REQUESTS
from register.register import RegisterUnavailable
from register.sqlite import SqliteRegister
from tests.invoker.parts import DAY, KEY, client_of, request_for, send_status, wait_until

BAD_DATES = ["2026-02-30", "None", "", "20260101", "1998-06-30T00:00:00", "'; drop table", "}}{{", "\u0661998-06-30"]


@pytest.fixture
def published(messenger):
    """A subscription of the test's own: what was published, whoever takes it otherwise."""
    messenger.subscribe("published", REQUESTS)
    return lambda: messenger.pull("published", limit=10, wait=0)


def test_a_get_is_accepted_and_says_where_to_ask(invoker, prefect):
    answer = invoker.get("/invoke", params={"run_date": DAY})

    assert answer.status_code == 202
    assert answer.headers["location"] == "/runs/rfm-1998-06-30-1"
    assert answer.json() == {
        "run_id": "rfm-1998-06-30-1",
        "pipeline": "rfm",
        "run_date": DAY,
        "attempt": 1,
        "state": "requested",
        "url": f"{invoker.base_url}/runs/rfm-1998-06-30-1",
    }
    wait_until(lambda: prefect.keys() == [KEY])
    assert prefect.run_of(KEY)["parameters"] == {"pipeline": "rfm", "run_date": DAY, "attempt": 1, "parameters": {}}


def test_a_post_carries_parameters_to_the_flow_run(invoker, prefect):
    answer = invoker.post("/invoke", json={"run_date": DAY, "parameters": {"model": "frozen", "share": 0.5, "n": 1}})

    assert answer.status_code == 202
    wait_until(prefect.keys)
    assert prefect.run_of(KEY)["parameters"]["parameters"] == {"model": "frozen", "share": 0.5, "n": 1}


@pytest.mark.parametrize("run_date", BAD_DATES)
def test_what_is_no_date_is_refused_and_nothing_is_published(refusing, run_date):
    client, published = refusing
    answers = [
        client.get("/invoke", params={"run_date": run_date}),
        client.post("/invoke", json={"run_date": run_date}),
    ]

    for answer in answers:
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert "run_date" in answer.json()["detail"]
    assert published() == []
    assert client.get("/runs").json() == {"runs": []}


@pytest.mark.parametrize("run_date", [None, 20260101, 1.5, True, ["1998-06-30"], {"a": 1}])
def test_a_date_that_is_no_text_is_refused(refusing, run_date):
    client, published = refusing
    assert client.post("/invoke", json={"run_date": run_date}).status_code == 422
    assert published() == []


def test_the_future_is_refused_and_begins_in_the_business_time_zone(front, published):
    today = datetime.now(ZoneInfo("Australia/Sydney")).date()

    tomorrow = front.get("/invoke", params={"run_date": str(today + timedelta(days=1))})

    assert tomorrow.status_code == 422
    assert "future" in tomorrow.json()["detail"]
    assert published() == []
    assert front.get("/invoke", params={"run_date": str(today)}).status_code == 202


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"run_date": DAY, "rules": "tercile"},
        {"run_date": DAY, "pipeline": "churn"},
        {"run_date": DAY, "pipeline": "RFM; --"},
        {"run_date": DAY, "force": "perhaps"},
    ],
)
def test_what_is_missing_unknown_or_misspelt_is_refused(refusing, wrong):
    client, published = refusing
    for answer in (client.get("/invoke", params=wrong), client.post("/invoke", json=wrong)):
        assert answer.status_code == 422, answer.text
    assert published() == []


@pytest.mark.parametrize(
    "parameters",
    [
        '{"__prefect_kind": "workspace_variable", "variable_name": "secret"}',
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": 9007199254740993}',
        '{"a": "\\u0000"}',
        '{"a": "\\ud800"}',
        '{"a": [1]}',
        '{"a": {"b": 1}}',
        '{"A B": 1}',
    ],
)
def test_parameters_that_would_not_arrive_as_they_are_are_refused(refusing, parameters):
    client, published = refusing
    body = f'{{"run_date": "{DAY}", "parameters": {parameters}}}'

    answer = client.post("/invoke", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == 422, answer.text
    assert published() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"run_date=1998-06-30", b"9" * 5000])
def test_a_body_that_is_no_request_is_refused(refusing, body):
    client, published = refusing
    answer = client.post("/invoke", content=body, headers={"content-type": "application/json"})

    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert published() == []


def test_the_same_date_again_is_the_same_run(front, prefect, published):
    first = front.get("/invoke", params={"run_date": DAY})
    again = front.post("/invoke", json={"run_date": DAY})

    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json()["run_id"] == first.json()["run_id"]
    assert len(published()) == 1


def test_a_date_that_is_done_answers_at_once_with_the_same_run(invoker, messenger, published):
    invoker.get("/invoke", params={"run_date": DAY})
    send_status(messenger, request_for(), "succeeded")
    wait_until(lambda: invoker.get("/runs/rfm-1998-06-30-1").json()["state"] == "succeeded")

    again = invoker.get("/invoke", params={"run_date": DAY})

    assert (again.status_code, again.json()["state"]) == (200, "succeeded")
    assert len(published()) == 1


def test_a_failed_run_is_answered_with_a_new_attempt(invoker, messenger):
    invoker.get("/invoke", params={"run_date": DAY})
    send_status(messenger, request_for(), "failed", error={"type": "StepFailed", "message": "no orders"})
    wait_until(lambda: invoker.get("/runs/rfm-1998-06-30-1").json()["state"] == "failed")

    again = invoker.get("/invoke", params={"run_date": DAY})

    assert (again.status_code, again.json()["run_id"]) == (202, "rfm-1998-06-30-2")


def test_force_makes_a_new_attempt(invoker, prefect):
    invoker.get("/invoke", params={"run_date": DAY})

    forced = invoker.get("/invoke", params={"run_date": DAY, "force": "true"})

    assert (forced.status_code, forced.json()["attempt"]) == (202, 2)
    wait_until(lambda: sorted(prefect.keys()) == [KEY, "rfm-1998-06-30-2/orchestrate"])


def test_a_known_date_with_other_parameters_is_a_conflict(front, published):
    front.post("/invoke", json={"run_date": DAY, "parameters": {"rules": "tercile"}})

    other = front.post("/invoke", json={"run_date": DAY})

    assert other.status_code == 409
    assert "other parameters" in other.json()["detail"]
    assert len(published()) == 1


def test_it_is_accepted_while_prefect_is_down(front, prefect):
    prefect.stop()

    first = front.get("/invoke", params={"run_date": DAY})
    again = front.get("/invoke", params={"run_date": DAY})

    assert (first.status_code, again.status_code) == (202, 200)


def test_while_the_messenger_is_down_nothing_is_accepted_and_the_next_request_publishes_it(front, messenger, published):
    messenger.switch.down = True
    refused = front.get("/invoke", params={"run_date": DAY})
    messenger.switch.down = False

    accepted = front.get("/invoke", params={"run_date": DAY})

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.headers["content-type"] == "application/problem+json"
    assert (accepted.status_code, accepted.json()["run_id"]) == (202, "rfm-1998-06-30-1")
    assert len(published()) == 1
    assert front.get("/invoke", params={"run_date": DAY}).status_code == 200


def test_after_a_503_other_parameters_are_for_a_new_attempt_and_the_answer_says_so(front, messenger, published):
    messenger.switch.down = True
    refused = front.get("/invoke", params={"run_date": DAY})
    messenger.switch.down = False

    other = {"run_date": DAY, "parameters": {"rules": "tercile"}}
    conflict, forced = front.post("/invoke", json=other), front.post("/invoke", json=other | {"force": True})

    assert "ask again with the same parameters, or with force" in refused.json()["detail"]
    assert (conflict.status_code, forced.status_code, forced.json()["attempt"]) == (409, 202, 2)
    assert [delivery.attributes["run_id"] for delivery in published()] == ["rfm-1998-06-30-2"]


def test_when_the_register_is_gone_nothing_is_accepted(front, settings, published):
    settings.runs.path.unlink()

    assert front.get("/invoke", params={"run_date": DAY}).status_code == 503
    assert published() == []


def test_what_is_published_is_accepted_also_when_the_register_cannot_note_it(front, published, monkeypatch):
    def gone(*_):
        raise RegisterUnavailable("taken away by the test")

    with monkeypatch.context() as patch:
        patch.setattr(SqliteRegister, "mark_published", gone)
        accepted = front.get("/invoke", params={"run_date": DAY})
    again = front.get("/invoke", params={"run_date": DAY})

    assert accepted.status_code == 202
    assert (again.status_code, again.json()["run_id"]) == (202, accepted.json()["run_id"])
    assert len({delivery.body for delivery in published()}) == 1


def test_what_was_claimed_and_never_published_is_published_after_the_next_start(
    settings, messenger, prefect, sweeps_soon
):
    with client_of(create_app(settings)) as invoker:
        messenger.switch.down = True
        assert invoker.get("/invoke", params={"run_date": DAY}).status_code == 503
        messenger.switch.down = False

    with client_of(create_app(settings)):
        wait_until(prefect.keys)

    assert prefect.keys() == [KEY]


def test_of_two_attempts_that_were_never_published_only_the_newer_one_runs(settings, messenger, prefect, sweeps_soon):
    with client_of(create_app(settings)) as invoker:
        messenger.switch.down = True
        invoker.get("/invoke", params={"run_date": DAY})
        invoker.get("/invoke", params={"run_date": DAY, "force": "true"})
        messenger.switch.down = False

    with client_of(create_app(settings)) as invoker:
        wait_until(prefect.keys)
        older = invoker.get("/runs/rfm-1998-06-30-1").json()

    assert prefect.keys() == ["rfm-1998-06-30-2/orchestrate"]
    assert (older["state"], older["error"]["type"]) == ("failed", "Superseded")
