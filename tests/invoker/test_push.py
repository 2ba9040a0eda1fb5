"""POST /pubsub/push: pushed messages have the same effect as pulled ones, and are acknowledged by the answer."""

import base64

import pytest

from errors import Retryable
from invoker.app import create_app
from tests.invoker.parts import DAY, KEY, client_of, request_for, send_status, settings_for, told

REQUESTS = "projects/p/subscriptions/requests-invoker-push"
STATUSES = "projects/p/subscriptions/statuses-register-push"


@pytest.fixture
def buried(messenger, monkeypatch):
    """A pushed message has no receipt in the Messenger of this test: what would be buried is kept here."""
    buried = []
    monkeypatch.setattr(type(messenger), "bury", lambda _, delivery, reason: buried.append((delivery, reason)))
    return buried


@pytest.fixture
def pushed(tmp_path, prefect, messenger):
    settings = settings_for(tmp_path, prefect, pull=False, push_requests=REQUESTS, push_statuses=STATUSES)
    with client_of(create_app(settings)) as client:
        yield Pushing(client)


class Pushing:
    def __init__(self, client):
        self.client = client

    def __call__(self, message, subscription=REQUESTS, **more):
        return self.raw(message.encode(), message.attributes(), subscription, **more)

    def raw(self, body, attributes, subscription=REQUESTS, **more):
        data = base64.b64encode(body).decode()
        message = {"data": data, "attributes": attributes, "messageId": "7", "orderingKey": "rfm"}
        return self.client.post("/pubsub/push", json={"message": message, "subscription": subscription, **more})


def test_a_request_is_dispatched_before_it_is_acknowledged(pushed, prefect):
    answer = pushed(request_for())

    assert answer.status_code == 204
    assert prefect.keys() == [KEY]
    assert pushed.client.get("/runs/rfm-1998-06-30-1").json()["run_date"] == DAY


def test_a_request_pushed_again_is_acknowledged_and_starts_nothing(pushed, prefect):
    answers = [pushed(request_for()) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [204, 204, 204]
    assert len(prefect.flow_runs) == 1


def test_a_status_reaches_the_register(pushed, messenger):
    status = send_status(messenger, request_for("features"), "succeeded", facts={"rows": 5})

    assert pushed(status, STATUSES).status_code == 204

    [step] = pushed.client.get("/runs/rfm-1998-06-30-1").json()["steps"]
    assert (step["step"], step["state"], step["facts"]) == ("features", "succeeded", {"rows": 5})


def test_prefect_down_is_answered_so_that_it_is_pushed_again(pushed, prefect):
    prefect.stop()

    answer = pushed(request_for())

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_what_can_never_work_is_buried_with_the_reason_and_told(pushed, messenger, buried):
    messenger.subscribe("waiter", "statuses")

    answer = pushed(request_for("train"), deliveryAttempt=2)

    assert answer.status_code == 204
    [(delivery, reason)] = buried
    assert (delivery.message_id, delivery.delivery_attempt, delivery.subscription) == ("7", 2, REQUESTS)
    assert "no step 'train'" in reason
    assert told(messenger, "waiter").state == "failed"


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        (b"{'version': 1}", {}),
        (b"", {}),
        (request_for().encode(), {}),
        (b"x" * (10 * 1024 * 1024), {}),
    ],
)
def test_poison_is_buried_and_acknowledged(pushed, buried, prefect, body, attributes):
    answer = pushed.raw(body, attributes)

    assert answer.status_code == 204
    assert len(buried) == 1
    assert prefect.flow_runs == {}


@pytest.fixture
def fault(monkeypatch):
    """One of ours, whose text would tell of a customer."""

    async def break_down(*_):
        raise KeyError("customer c07")

    monkeypatch.setattr("invoker.handle.dispatch", break_down)


def test_a_fault_of_ours_is_pushed_again(pushed, fault, buried):
    answer = pushed(request_for(), deliveryAttempt=4)

    assert (answer.status_code, buried) == (500, [])


def test_a_fault_of_ours_at_the_last_delivery_is_buried_with_its_place_and_without_its_text(pushed, fault, buried):
    answer = pushed(request_for(), deliveryAttempt=5)

    assert answer.status_code == 204
    [(delivery, reason)] = buried
    assert delivery.delivery_attempt == 5
    assert reason.startswith("KeyError in the handler, test_push.py:")
    assert "c07" not in reason


def test_prefect_down_at_the_last_delivery_is_pushed_again_all_the_same(pushed, prefect, buried):
    prefect.stop()

    assert pushed(request_for(), deliveryAttempt=99).status_code == 503
    assert buried == []


def test_a_burial_that_fails_is_pushed_again(pushed, messenger, monkeypatch):
    def down(*_):
        raise Retryable("the dead letters cannot be reached")

    monkeypatch.setattr(type(messenger), "bury", down)

    assert pushed.raw(b"poison", {}).status_code == 503


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"message": {"data": ""}, "subscription": "s"}',
    ],
)
def test_what_is_no_envelope_is_refused(pushed, body):
    answer = pushed.client.post("/pubsub/push", content=body)

    assert answer.status_code == 422
    assert "Pub/Sub" in answer.json()["detail"]


def test_a_foreign_subscription_is_refused(pushed, prefect):
    assert pushed(request_for(), "projects/p/subscriptions/others").status_code == 403
    assert pushed(request_for(), "").status_code == 403
    assert prefect.flow_runs == {}


def test_where_no_push_is_set_up_nothing_is_taken(front, prefect):
    assert Pushing(front)(request_for(), "").status_code == 403
    assert prefect.flow_runs == {}
