"""Log lines and the ids in them; limits around every request."""

import asyncio
import base64
import json
import logging
import threading

import httpx
import pytest

from invoker.app import create_app
from invoker.logs import JsonLines, TextLines, about, configure_logging, request_id
from messenger import consume
from messenger.messenger import REQUESTS
from tests.invoker.parts import DAY, client_of, request_for, send, settings_for, wait_until


@pytest.fixture
def lines(capsys):
    """What is logged, line by line."""
    return lambda: capsys.readouterr().out.splitlines()


def test_json_lines_bear_the_request_they_belong_to(lines):
    configure_logging("json")

    with about(request_id="r-1"), about(run_id="rfm-1998-06-30-1"):
        logging.getLogger("invoker.somewhere").warning("accepted\nrun %s", "x")

    [line] = lines()
    told = json.loads(line)
    assert told.pop("time").endswith("+00:00")
    assert told == {
        "severity": "WARNING",
        "logger": "invoker.somewhere",
        "message": "accepted\nrun x",
        "request_id": "r-1",
        "run_id": "rfm-1998-06-30-1",
    }


def broken():
    try:
        raise KeyError("customer c07")
    except KeyError as error:
        raise ValueError("customer c08") from error


@pytest.mark.parametrize("style", ["json", "text"])
def test_of_an_exception_the_way_to_it_is_told_and_not_its_text(lines, style):
    configure_logging(style)
    try:
        broken()
    except ValueError:
        logging.getLogger("invoker").exception("it broke")

    told = "\n".join(json.loads(line)["exception"] if style == "json" else line for line in lines())
    assert told.index("KeyError") < told.index("ValueError")
    assert "test_logs.py" in told
    assert "in broken" in told
    assert "customer" not in told


def test_the_end_of_a_thread_is_a_line_as_any_other(lines):
    configure_logging("json")
    thread = threading.Thread(target=broken, name="keeper")
    thread.start()
    thread.join()

    [line] = lines()
    told = json.loads(line)
    assert (told["severity"], told["message"]) == ("ERROR", "thread keeper broke")
    assert "ValueError" in told["exception"]


def test_lines_for_people_say_it_at_the_end(lines):
    configure_logging("text")

    with about(request_id="r-1"):
        logging.getLogger("invoker").info("accepted")

    [line] = lines()
    assert line.endswith("INFO    accepted  [request_id=r-1]")


@pytest.mark.parametrize(("style", "formatter"), [("text", TextLines), ("json", JsonLines)])
def test_the_style_is_a_setting(tmp_path, prefect, style, formatter):
    create_app(settings_for(tmp_path, prefect, log_format=style))

    assert isinstance(logging.getLogger().handlers[0].formatter, formatter)


@pytest.mark.parametrize("given", ["a" * 65, "with space", "line\nbreak", "é", "", None])
def test_an_id_that_could_harm_a_log_is_replaced(given):
    assert request_id(given) != given
    assert len(request_id(given)) == 32


def test_every_answer_bears_the_id_of_its_request(refusing):
    client, _ = refusing

    for path in ("/invoke", "/nothing", "/healthcheck", "/openapi.json"):
        assert client.get(path, headers={"X-Request-ID": "mine-1"}).headers["x-request-id"] == "mine-1"
    problem = client.get("/invoke")
    assert problem.headers["x-request-id"] == problem.json()["request_id"]


def test_no_answer_is_taken_for_something_else_than_it_says(refusing):
    client, _ = refusing

    for path in ("/", "/page/start.js", "/runs", "/nothing", "/healthcheck", "/openapi.json"):
        assert client.get(path).headers.get_list("x-content-type-options") == ["nosniff"]


def test_what_was_sent_is_not_logged(refusing, lines):
    client, _ = refusing
    configure_logging("text")

    client.get("/invoke", params={"run_date": "secret"}, headers={"authorization": "Bearer secret"})
    client.post("/invoke", json={"run_date": DAY, "secret": "secret"})

    logged = lines()
    assert any("'/invoke' 422" in line for line in logged)
    assert not any("secret" in line for line in logged)


def test_a_fault_of_ours_is_answered_without_its_details(tmp_path, prefect, monkeypatch, lines):
    with client_of(create_app(settings_for(tmp_path, prefect, pull=False))) as client:
        monkeypatch.setattr("register.sqlite.SqliteRegister.list", lambda *_, **__: broken())
        answer = client.get("/runs")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    told = "\n".join(lines())
    assert "ValueError" in told
    assert "customer" not in told + answer.text


def test_every_line_about_a_pulled_message_bears_its_id_and_its_run(tmp_path, prefect, messenger, lines, monkeypatch):
    monkeypatch.setattr(consume, "growing", lambda count, longest: 0.05)
    prefect.answers_with = 503
    with client_of(create_app(settings_for(tmp_path, prefect, log_format="json"))):
        poison = messenger.publish(REQUESTS, b"poison", {"run_id": "rfm-1998-06-30-9"})
        kept = send(messenger, request_for())
        wait_until(lambda: len(prefect.asked) >= 2 and messenger.dead_letters())
        prefect.answers_with = None
        wait_until(prefect.keys)

    told = [json.loads(line) for line in lines()]
    of = {message_id: [line for line in told if line.get("request_id") == message_id] for message_id in (poison, kept)}
    assert [(line["run_id"], "dead letters" in line["message"]) for line in of[poison]] == [("rfm-1998-06-30-9", True)]
    assert {line["run_id"] for line in of[kept]} == {"rfm-1998-06-30-1"}
    assert {line["logger"] for line in of[kept]} == {"messenger.consume", "invoker.dispatch"}
    assert [line for line in told if line["logger"] == "messenger.consume" and "request_id" not in line] == []


def test_what_is_pushed_is_told_under_the_id_of_its_request(tmp_path, prefect, lines):
    settings = settings_for(tmp_path, prefect, pull=False, push_requests="ours", log_format="json")
    request = request_for()
    data = base64.b64encode(request.encode()).decode()
    message = {"data": data, "attributes": request.attributes(), "messageId": "7"}
    with client_of(create_app(settings)) as client:
        client.post(
            "/pubsub/push", json={"message": message, "subscription": "ours"}, headers={"X-Request-ID": "pushed-1"}
        )

    told = [json.loads(line) for line in lines()]
    [dispatched] = [line for line in told if line["logger"] == "invoker.dispatch"]
    assert (dispatched["request_id"], dispatched["run_id"]) == ("pushed-1", request.run_id)


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_beyond_the_limit_is_refused(refusing, chunked):
    client, published = refusing
    body = b'{"run_date": "1998-06-30", "parameters": {"a": "' + b"x" * 70_000 + b'"}}'

    answer = client.post("/invoke", content=iter([body[:100], body[100:]]) if chunked else body)

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert published() == []


def test_without_authentication_a_page_of_another_site_starts_nothing(refusing):
    client, published = refusing

    answer = client.get("/invoke", params={"run_date": DAY}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert published() == []


def test_without_authentication_another_machines_address_is_not_served(tmp_path, prefect):
    """As when uvicorn is told by hand to listen on every address."""
    app = create_app(settings_for(tmp_path, prefect, pull=False))

    async def ask(host):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
            return (await client.get("/healthcheck")).status_code

    assert asyncio.run(ask("127.0.0.1")) == 204
    assert asyncio.run(ask("192.0.2.1")) == 403


@pytest.mark.parametrize(("host", "status"), [("localhost:1", 204), ("[::1]:1", 204), ("evil.example", 403), ("", 403)])
def test_without_authentication_a_name_that_another_site_gave_to_this_machine_is_not_answered(refusing, host, status):
    client, _ = refusing

    assert client.get("/healthcheck", headers={"Host": host}).status_code == status
