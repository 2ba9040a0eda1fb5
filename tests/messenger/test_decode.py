"""Whatever comes in is a message of the contract, or a reason that names no data."""

import json
from datetime import UTC, date, datetime

import pytest

from errors import Permanent
from messenger.contract import Failure, RunRequest, RunStatus
from messenger.decode import LARGEST_MESSAGE, NoMessage, decode_request, decode_status
from messenger.messenger import Delivery

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
RUN = {
    "run_id": "rfm-2026-01-05-1",
    "pipeline": "rfm",
    "step": "features",
    "run_date": date(2026, 1, 5),
    "attempt": 1,
}
REQUEST = RunRequest(**RUN, parameters={"model": "frozen"}, requested_by="test", requested_at=NOW, deadline=NOW)
STATUS = RunStatus(**RUN, state="failed", error=Failure(type="Boom", message="it broke"), at=NOW)


def delivery(body, attributes=None):
    return Delivery("id", body, REQUEST.attributes() if attributes is None else attributes, 1, "requests-invoker", "r")


def changed(**fields):
    return json.dumps(json.loads(REQUEST.encode()) | fields).encode()


def without(field):
    parsed = json.loads(REQUEST.encode())
    del parsed[field]
    return json.dumps(parsed).encode()


def reason_of(body, attributes=None):
    with pytest.raises(NoMessage) as refused:
        decode_request(delivery(body, attributes))
    return str(refused.value)


def test_a_request_comes_through_as_it_was():
    assert decode_request(delivery(REQUEST.encode())) == REQUEST


def test_a_status_comes_through_as_it_was():
    assert decode_status(delivery(STATUS.encode(), STATUS.attributes())) == STATUS


def test_attributes_that_a_broker_adds_do_not_matter():
    assert decode_request(delivery(REQUEST.encode(), REQUEST.attributes() | {"broker": "x"})) == REQUEST


def test_a_refused_message_goes_to_the_dead_letters():
    assert issubclass(NoMessage, Permanent)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is empty"),
        (b"not json", "the body is not JSON"),
        (b"\xff\xfe\xfd", "the body is not UTF-8"),
        (b"{'run_id': 'rfm-2026-01-05-1'}", "it looks like a Python dict"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not an object"),
        (b"7", "not an object"),
        (b"x" * 10_000_000, "10000000 bytes"),
        (changed(version=2), "another version than 1"),
        (changed(version="1"), "another version than 1"),
        (without("step"), "step: Field required"),
        (changed(step="Features!"), "step: String should match pattern"),
        (changed(run_date="2026-02-30"), "run_date: not valid"),
        (changed(attempt="1"), "attempt: Input should be a valid integer"),
        (changed(attempt=2), "the fields together: not valid"),
        (changed(parameters={"a": []}), "parameters.a"),
        (changed(requested_at="2026-01-05T08:00:00"), "requested_at"),
        (changed(surprise=1), "surprise: Extra inputs are not permitted"),
        (STATUS.encode(), "not a RunRequest"),
    ],
)
def test_the_reason_says_what_is_wrong(body, reason):
    assert reason in reason_of(body)


def test_missing_attributes_are_named():
    assert reason_of(REQUEST.encode(), {"version": "1", "run_id": REQUEST.run_id}).endswith(
        "attributes are missing: type, pipeline, step"
    )


def test_attributes_that_say_something_else_than_the_body_are_named():
    other = REQUEST.attributes() | {"run_id": "rfm-2026-01-05-2"}

    assert reason_of(REQUEST.encode(), other) == "attributes differ from the body: run_id"


def test_a_reason_is_short_and_tells_no_value():
    secret = "customer-4711"
    body = changed(
        run_id=secret,
        run_date=secret,
        attempt=secret,
        step=secret,
        pipeline=secret,
        requested_at=secret,
        deadline=secret,
        **{f"{'x' * 1000}{number}": secret for number in range(100)},
    )

    reason = reason_of(body)

    assert secret not in reason
    assert len(reason) < 1000
    assert "more" in reason


def test_a_message_of_the_largest_size_is_read():
    request = REQUEST.model_copy(update={"parameters": {"note": ""}})
    padding = LARGEST_MESSAGE - len(request.encode())

    assert decode_request(delivery(request.model_copy(update={"parameters": {"note": "x" * padding}}).encode()))
    assert "bytes" in reason_of(request.model_copy(update={"parameters": {"note": "x" * (padding + 1)}}).encode())
