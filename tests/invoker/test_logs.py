"""Log lines and the ids in them; limits around every request."""

import asyncio
import json
import logging

import httpx
import pytest

from invoker.app import create_app
from invoker.logs import JsonLines, TextLines, about, configure_logging, request_id
from tests.invoker.parts import DAY, client_of, settings_for


@pytest.fixture
def lines(capsys):
    """What is logged, line by line."""
    return lambda: capsys.readouterr().out.splitlines()


def test_json_lines_bear_the_request_they_belong_to(lines):
    configure_logging("json")

    with about("r-1", run_id="rfm-1998-06-30-1"):
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


def test_an_exception_is_part_of_its_line(lines):
    configure_logging("json")
    try:
        raise ValueError("no")
    except ValueError:
        logging.getLogger("invoker").exception("broke")

    [line] = lines()
    assert "ValueError: no" in json.loads(line)["exception"]


def test_lines_for_people_say_it_at_the_end(lines):
    configure_logging("text")

    with about("r-1"):
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
        monkeypatch.setattr("register.sqlite.SqliteRegister.list", lambda *_, **__: 1 / 0)
        answer = client.get("/runs")

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert "division" not in answer.text
    assert any("ZeroDivisionError" in line for line in lines())


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
