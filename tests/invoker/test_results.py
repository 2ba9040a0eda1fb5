"""Asking: what a run has published is answered as it stands there, and everything else with what to do."""

import os
from datetime import timedelta
from urllib.parse import quote

import pytest

from invoker.app import create_app
from snapshot import shelf
from tests.invoker.parts import client_of, settings_for
from tests.invoker.prefect_stand_in import PrefectStandIn
from tests.invoker.results import BEFORE, LEFT, ODD, REFUNDS, app_with_results
from tests.snapshot.given_snapshots import CUSTOMERS, FIRST_PAGE, RUN_DATE, WINDOW, given_snapshot

DAY, DAY_BEFORE = str(RUN_DATE), str(BEFORE)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    prefect = PrefectStandIn().start()
    with client_of(app_with_results(tmp_path_factory.mktemp("results"), prefect)) as client:
        yield client
    prefect.stop()


@pytest.fixture(scope="module")
def nothing_published(tmp_path_factory):
    prefect = PrefectStandIn().start()
    folder = tmp_path_factory.mktemp("empty")
    settings = settings_for(folder, prefect, pull=False)
    settings = settings.model_copy(
        update={"published": settings.published.model_copy(update={"path": folder / "published"})}
    )
    with client_of(create_app(settings)) as client:
        yield client
    prefect.stop()


def test_segments_are_those_of_the_newest_date_unless_another_is_asked_for(client):
    newest, before = client.get("/segments").json(), client.get("/segments", params={"run_date": DAY_BEFORE}).json()

    assert (newest["run_date"], newest["scored"], newest["rejected"]) == (DAY, 31, 1)
    assert (before["run_date"], before["scored"], before["rejected"]) == (DAY_BEFORE, 31, 0)
    assert sum(segment["customers"] for segment in newest["segments"]) == 31
    assert newest["segments"][0] == {
        "segment": "champions",
        "customers": newest["segments"][0]["customers"],
        "share": newest["segments"][0]["customers"] / 31,
        "orders": 2,
        "revenue": 20.5,
        "median_recency": 9.5,
        "median_frequency": 2,
        "median_monetary": 10.25,
        "colour": "#117733",
        "advice": "Reward them, show them new things first, ask them for reviews.",
    }


def test_pages_hold_every_customer_of_a_segment_once_and_in_order(client):
    found = []
    for segment in client.get("/segments").json()["segments"]:
        address, in_segment = f"/segments/{quote(segment['segment'])}/customers?limit=2", []
        while address:
            page = client.get(address).json()
            assert 1 <= len(page["customers"]) <= 2
            in_segment += [customer["customer_id"] for customer in page["customers"]]
            address = page["next"]
        assert in_segment == sorted(in_segment)
        assert len(in_segment) == segment["customers"]
        found += in_segment

    assert sorted(found) == sorted([*CUSTOMERS, ODD])


def test_a_later_page_is_of_the_date_of_the_first_one(client):
    largest = max(client.get("/segments").json()["segments"], key=lambda one: one["customers"])

    address = client.get(f"/segments/{quote(largest['segment'])}/customers", params={"limit": 1}).json()["next"]

    assert f"run_date={DAY}" in address


def test_a_customer_is_shown_with_scores_and_history(client):
    answer = client.get("/customers/c07")

    recency, frequency, monetary = CUSTOMERS["c07"]
    customer = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (customer["customer_id"], customer["current"]) == ("c07", True)
    latest = customer["latest"]
    assert (latest["run_date"], latest["recency"], latest["frequency"]) == (DAY, recency, frequency)
    assert latest["monetary"] == float(monetary)
    assert set(latest["scores"]) == {"recency", "frequency", "monetary"}
    assert [one["run_date"] for one in customer["history"]] == [DAY, DAY_BEFORE]
    assert customer["history"][0] == latest


def test_a_customer_who_left_is_shown_as_of_then(client):
    customer = client.get(f"/customers/{LEFT}").json()

    assert (customer["current"], customer["latest"]["run_date"]) == (False, DAY_BEFORE)


def test_a_customer_who_was_not_scored_is_shown_with_the_reason(client):
    latest = client.get(f"/customers/{REFUNDS}").json()["latest"]

    assert (latest["reason"], latest["scores"], latest["segment"]) == ("no_positive_order", None, None)


def test_an_id_of_any_characters_is_found(client):
    assert client.get(f"/customers/{quote(ODD, safe='')}").json()["customer_id"] == ODD
    assert client.get(f"/customers/{quote(ODD, safe='')}/explain").json()["customer_id"] == ODD


def test_the_explanation_leads_from_the_values_to_the_segment(client):
    shown = client.get("/customers/c07").json()["latest"]
    explained = client.get("/customers/c07/explain").json()

    measures = {one["measure"]: one for one in explained["measures"]}
    assert {name: one["score"] for name, one in measures.items()} == shown["scores"]
    assert {name: one["value"] for name, one in measures.items()} == {name: shown[name] for name in measures}
    assert (explained["run_date"], explained["segment"]) == (DAY, shown["segment"])
    assert explained["first_day"] == str(RUN_DATE - timedelta(days=WINDOW - 1))
    assert explained["advice"]
    edges = measures["recency"]["edges"]
    assert edges == sorted(edges)
    assert measures["recency"]["because"] == f"21 is above {edges[0]:.0f} and at most {edges[1]:.0f}"
    assert f"make explain CUSTOMER=… RUN_DATE={DAY}" in explained["orders"]


def test_the_explanation_of_a_customer_who_was_not_scored_is_the_reason(client):
    explained = client.get(f"/customers/{REFUNDS}/explain").json()

    assert (explained["reason"], explained["segment"], explained["advice"]) == ("no_positive_order", None, None)
    assert [one["because"] for one in explained["measures"]] == [None, None, None]


def test_three_values_are_scored_as_a_customer_who_has_them(client):
    for customer_id, (recency, frequency, monetary) in CUSTOMERS.items():
        answer = client.post("/score", json={"recency": recency, "frequency": frequency, "monetary": monetary}).json()
        latest = client.get(f"/customers/{customer_id}").json()["latest"]
        assert (answer["scores"], answer["segment"]) == (latest["scores"], latest["segment"])


def test_orders_are_scored_as_of_the_models_date(client):
    orders = [
        {"order_date": "1998-06-20", "amount": 10.005},
        {"order_id": "a", "order_date": "1998-06-25", "amount": "20.00"},
        {"order_id": "a", "order_date": "1998-06-26", "amount": -5},
        {"order_date": "1998-07-01", "amount": 1000},
    ]

    answer = client.post("/score", json={"orders": orders}).json()

    assert (answer["run_date"], answer["recency"], answer["frequency"], answer["monetary"]) == (DAY, 5, 2, 25.01)


def test_orders_are_scored_as_of_the_day_that_is_given(client):
    orders = [{"order_date": "1998-07-01", "amount": 10}]

    assert client.post("/score", json={"orders": orders, "run_date": "1998-07-03"}).json()["recency"] == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            {"orders": [{"order_date": "1990-01-01", "amount": 5}]},
            "no_positive_order: no order of more than 0 in the 720",
        ),
        ({"orders": [{"order_date": DAY, "amount": -5}]}, "no_positive_order"),
        ({"orders": []}, "body.orders.orders: Tuple should have at least 1 item"),
        ({"orders": [{"order_date": "30/6/98", "amount": 5}]}, "a run_date is written as YYYY-MM-DD"),
        ({"orders": [{"order_date": DAY, "amount": "much"}]}, "body.orders.orders.0.amount"),
        ({"orders": [{"order_id": "", "order_date": DAY, "amount": 5}]}, "body.orders.orders.0.order_id"),
        ({"orders": [{"order_id": " ", "order_date": DAY, "amount": 5}]}, "body.orders.orders.0.order_id"),
        ({"recency": 720, "frequency": 1, "monetary": 1}, "recency_out_of_window: orders count for 720 days"),
        ({"recency": 1, "frequency": 0, "monetary": 1}, "body.values.frequency"),
        ({"recency": 1}, "body.values.frequency: Field required; body.values.monetary: Field required"),
        ({"recency": 1, "frequency": 1, "monetary": "Infinity"}, "body.values.monetary"),
        ({}, "body.values.recency: Field required"),
        ([], "body.values"),
    ],
)
def test_what_cannot_be_scored_is_said(client, body, said):
    answer = client.post("/score", json=body)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert said in answer.json()["detail"]


def test_reports_are_listed_and_shown_as_page_and_as_data(client):
    [link] = client.get("/reports").json()["reports"]
    page, data = client.get(link["url"]), client.get(link["data"])

    assert link["run_date"] == DAY
    assert (page.headers["content-type"], "<h1>Report</h1>" in page.text) == ("text/html; charset=utf-8", True)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert data.json() == {"customers": 31}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/segments?run_date=1999-01-01", "the newest run_date that can is 1998-06-30"),
        ("/segments/vip/customers", "has no segment of this name; its segments: champions, loyal"),
        ("/segments/champions/customers?run_date=1999-01-01", "1999-01-01 can not be asked about"),
        ("/customers/nobody", "no published run_date knows a customer of this id"),
        ("/customers/nobody/explain", "1998-06-30 knows no customer of this id"),
        (f"/customers/{LEFT}/explain", "1998-06-30 knows no customer of this id"),
        ("/report/1999-01-01", "there is no report of 1999-01-01; GET /reports lists"),
    ],
)
def test_what_is_not_there_is_said_without_the_customers_id(client, path, said):
    answer = client.get(path)

    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert said in answer.json()["detail"]
    assert "nobody" not in answer.text


@pytest.mark.parametrize("after", ["", "/explain"])
def test_an_id_that_is_too_long_is_refused(client, after):
    answer = client.get(f"/customers/{'x' * 1001}{after}")

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert client.get(f"/customers/{'x' * 1000}{after}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/segments?run_date=yesterday",
        "/segments/champions/customers?limit=0",
        "/segments/champions/customers?limit=1001",
        "/customers/c01/explain?run_date=1998-02-30",
        "/report/2026-13-01",
        "/report/..%2f..%2fsnapshots",
        "/report/1998-06-30?format=exe",
        f"/customers/{'x' * 1001}",
    ],
)
def test_what_makes_no_sense_is_refused(client, path):
    answer = client.get(path)

    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/segments", "/segments/champions/customers", "/customers/c01", "/customers/c01/explain"]
)
def test_before_the_first_run_the_answer_is_how_to_ask_for_one(nothing_published, path):
    answer = nothing_published.get(path)

    assert (answer.status_code, "ask for a run: GET /invoke" in answer.json()["detail"]) == (404, True)
    assert nothing_published.post("/score", json={"recency": 1, "frequency": 1, "monetary": 1}).status_code == 404
    assert nothing_published.get("/reports").json() == {"reports": []}


def test_a_new_publication_is_answered_from_at_once(tmp_path, prefect, monkeypatch):
    monkeypatch.setattr(shelf, "FRESH", 0)
    with client_of(app_with_results(tmp_path, prefect)) as client:
        assert client.get("/customers/new").status_code == 404

        given_snapshot(tmp_path / "published", CUSTOMERS | {"new": (1, 1, "1.00")}, attempt=2)

        assert client.get("/customers/new").status_code == 200
        assert client.get("/segments").json()["run_id"] == "rfm-1998-06-30-2"


def test_results_that_cannot_be_read_now_are_no_404(tmp_path, prefect, monkeypatch):
    """As when the bucket that is mounted does not answer."""
    monkeypatch.setattr(shelf, "FRESH", 3600)
    with client_of(app_with_results(tmp_path, prefect)) as client:
        assert client.get("/segments").status_code == 200  # the files are open, and nothing of a customer is read
        for path in (tmp_path / "published" / "snapshots" / "rfm").iterdir():
            os.truncate(path, FIRST_PAGE)

        for path in ("/customers/c07", "/customers/c07/explain", "/segments/champions/customers"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "the results of 1998-06-30 cannot be read" in answer.json()["detail"]
            assert "c07" not in answer.json()["detail"]


def test_reports_that_cannot_be_had_now_are_not_taken_for_none(tmp_path, prefect):
    with client_of(app_with_results(tmp_path, prefect)) as client:
        reports = tmp_path / "published" / "rfm"
        reports.rename(tmp_path / "aside")
        reports.write_text("a file where the folder was")
        for path, said in (
            ("/reports", "the reports cannot be listed"),
            (f"/report/{RUN_DATE}", f"the report of {RUN_DATE} cannot be read"),
        ):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert f"{said}: Not a directory" in answer.json()["detail"]


def test_no_customers_id_stands_in_the_log(tmp_path, prefect, capsys):
    with client_of(app_with_results(tmp_path, prefect)) as client:
        client.get("/customers/c07")
        client.get("/customers/c07/explain")

    told = capsys.readouterr().out
    assert "c07" not in told
    assert "'/customers/…' 200" in told
    assert "'/customers/…/explain' 200" in told
