"""The register on Postgres behind the invoker: one run of a thousand requests, and refusals while it is down."""

from collections import Counter

import pytest

import invoker.app as invoker_app
from invoker.app import create_app
from register.postgres import PostgresRegister
from settings import Runs
from tests.invoker.load import ask
from tests.invoker.parts import DAY, KEY, client_of, wait_until

pytestmark = pytest.mark.parametrize("carrier", ["embedded"], indirect=True)


@pytest.fixture
def on_postgres(settings, messenger, postgres, monkeypatch):
    url = postgres.new_database()
    monkeypatch.setattr(invoker_app, "open_register", lambda _: PostgresRegister(url, within=1))
    with client_of(create_app(settings.model_copy(update={"runs": Runs(url=url)}))) as client:
        yield client


def test_a_thousand_invocations_of_one_date_are_one_run(on_postgres, prefect):
    asked = ask(on_postgres.base_url.port, [DAY] * 1000, connections=64)

    statuses = Counter(one.status for one in asked)
    assert statuses[202] >= 1
    assert statuses[202] + statuses[200] == 1000
    assert {one.answer["run_id"] for one in asked} == {"rfm-1998-06-30-1"}
    wait_until(prefect.keys)
    assert prefect.keys() == [KEY]


def test_while_the_database_is_down_nothing_is_accepted_and_afterwards_all_is_as_before(on_postgres, postgres, prefect):
    known = on_postgres.get("/invoke", params={"run_date": DAY}).json()
    postgres.kill()
    try:
        refused = on_postgres.get("/invoke", params={"run_date": "1998-06-29"})
        ready = on_postgres.get("/readiness")
    finally:
        postgres.start()

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert "nothing was accepted" in refused.json()["detail"]
    assert "database" in ready.json()["register"]
    again = wait_until(
        lambda: (answer := on_postgres.get("/invoke", params={"run_date": DAY})).status_code == 200 and answer
    )
    assert again.json()["run_id"] == known["run_id"]
    assert [run["run_date"] for run in on_postgres.get("/runs").json()["runs"]] == [DAY]
