"""The right to read is another than the right to ask, and a browser can keep a token for reading alone."""

import pytest

from invoker.auth import COOKIE
from tests.invoker.google import ACCOUNT, AUDIENCE, CertificateServer, Key
from tests.invoker.parts import DAY, client_of
from tests.invoker.prefect_stand_in import PrefectStandIn
from tests.invoker.results import app_with_results

READER = "reader@example.com"
RESULTS = ["/segments", "/segments/champions/customers", "/customers/c01", "/customers/c01/explain", "/reports"]
RESULTS += ["/report/1998-06-30"]


@pytest.fixture(scope="module")
def key():
    return Key("ours")


@pytest.fixture(scope="module")
def client(key, tmp_path_factory):
    prefect, certificates = PrefectStandIn().start(), CertificateServer(key)
    app = app_with_results(
        tmp_path_factory.mktemp("readers"),
        prefect,
        auth="google",
        audiences=AUDIENCE,
        accounts=ACCOUNT,
        readers=READER,
        certificates=certificates.url,
    )
    with client_of(app) as client:
        yield client
    certificates.stop()
    prefect.stop()


@pytest.fixture
def reader(key):
    return {"Authorization": f"Bearer {key.token(email=READER)}"}


@pytest.fixture
def asker(key):
    return {"Authorization": f"Bearer {key.token()}"}


@pytest.mark.parametrize("path", RESULTS)
def test_results_are_for_readers_alone(client, reader, asker, path):
    assert client.get(path, headers=reader).status_code == 200
    assert client.get(path, headers=asker).status_code == 403
    assert client.get(path).status_code == 401


def test_scoring_is_reading(client, reader, asker):
    body = {"recency": 1, "frequency": 1, "monetary": 1}
    assert [client.post("/score", json=body, headers=who).status_code for who in (reader, asker, {})] == [200, 403, 401]


def test_a_reader_may_not_ask_for_a_run(client, reader):
    assert client.get("/invoke", params={"run_date": DAY}, headers=reader).status_code == 403


def test_who_asks_and_who_reads_may_see_how_runs_go(client, reader, asker):
    assert [client.get("/runs", headers=who).status_code for who in (reader, asker, {})] == [200, 200, 401]


def test_the_start_page_is_open_and_has_nothing_of_anybody(client):
    page = client.get("/")

    assert page.status_code == 200
    assert "champions" not in page.text


def test_a_browser_keeps_a_good_token_where_no_script_reads_it(client, reader):
    kept = client.post("/session", headers=reader).headers["set-cookie"]

    assert kept.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax", "Max-Age=3600"} <= set(kept.split("; "))


def test_a_bad_token_is_not_kept(client, key):
    for headers, status in [
        ({}, 401),
        ({"Authorization": "Bearer forged"}, 401),
        ({"Authorization": f"Bearer {key.token(email='stranger@example.com')}"}, 403),
    ]:
        answer = client.post("/session", headers=headers)
        assert (answer.status_code, "set-cookie" in answer.headers) == (status, False)


def test_a_kept_token_reads_and_asks_for_nothing(client, key):
    kept = {"Cookie": f"{COOKIE}={key.token(email=READER)}"}
    assert client.get("/customers/c01", headers=kept).status_code == 200

    may_ask = {"Cookie": f"{COOKIE}={key.token()}"}
    assert client.get("/runs", headers=may_ask).status_code == 200
    assert client.get("/invoke", params={"run_date": DAY}, headers=may_ask).status_code == 401


def test_a_session_can_be_ended(client):
    assert f'{COOKIE}=""' in client.delete("/session").headers["set-cookie"]
