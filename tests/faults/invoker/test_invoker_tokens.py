"""Tokens and pushes that are not what they should be: refused, and no run of them."""

import asyncio
import base64
import json

import pytest

from invoker.app import create_app
from invoker.certificates import Certificates
from invoker.tokens import BadToken, NotAllowed, Tokens
from tests.invoker.google import ACCOUNT, AUDIENCE, CertificateServer, Key
from tests.invoker.parts import DAY, client_of, request_for, settings_for
from tests.invoker.prefect_stand_in import PrefectStandIn

REQUESTS = "projects/p/subscriptions/requests-invoker-push"
STATUSES = "projects/p/subscriptions/statuses-register-push"
PUSHER = "pusher@p.iam.gserviceaccount.com"
GUARDED = {
    "google": {"auth": "google", "audiences": f"{AUDIENCE}, 32555940559.apps.googleusercontent.com"},
    "push": {"push_requests": REQUESTS, "push_statuses": STATUSES, "push_audience": f"{AUDIENCE}/pubsub/push"},
}


@pytest.fixture(scope="module")
def key():
    return Key("ours")


@pytest.fixture(scope="module")
def world(key, shared_carrier, tmp_path_factory):
    """The app behind tokens, with a certificate server and a stand-in for Prefect."""
    shared_carrier.open().setup()
    folder, prefect, certificates = tmp_path_factory.mktemp("tokens"), PrefectStandIn().start(), CertificateServer(key)
    settings = settings_for(
        folder,
        prefect,
        shared_carrier.settings,
        pull=False,
        certificates=certificates.url,
        accounts=ACCOUNT,
        push_account=PUSHER,
        **GUARDED["google"],
        **GUARDED["push"],
    )
    with client_of(create_app(settings)) as client:
        yield client, prefect, certificates
    certificates.stop()
    prefect.stop()


def asked(client, token=None, path="/invoke", scheme="Bearer"):
    headers = {} if token is None else {"authorization": f"{scheme} {token}"}
    return client.get(path, params={"run_date": DAY} if path == "/invoke" else {}, headers=headers)


def unsigned(algorithm="none"):
    def part(content):
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    claims = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": ACCOUNT, "email_verified": True}
    header = {"alg": algorithm, "kid": "ours", "typ": "JWT"}
    return f"{part(header)}.{part({**claims, 'iat': 1, 'exp': 9999999999})}."


def test_a_good_token_is_let_in_and_its_account_stands_in_the_run(world, key):
    client, *_ = world

    answer = client.get(
        "/invoke", params={"run_date": "1997-12-31"}, headers={"authorization": f"Bearer {key.token()}"}
    )

    assert answer.status_code == 202
    run = client.get(f"/runs/{answer.json()['run_id']}", headers={"authorization": f"bearer {key.token()}"}).json()
    assert run["requested_by"] == ACCOUNT


def test_the_audience_of_the_command_line_is_one_of_those_that_are_set(world, key):
    client, *_ = world

    assert asked(client, key.token(aud="32555940559.apps.googleusercontent.com"), "/runs").status_code == 200


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (lambda key: None, 401),
        (lambda key: "no.token.atall", 401),
        (lambda key: "x", 401),
        (lambda key: "é", 401),
        (lambda key: "." * 5000, 401),
        (lambda key: unsigned(), 401),
        (lambda key: unsigned("HS256"), 401),
        (lambda key: unsigned("RS256"), 401),
        (lambda key: key.token()[:-8] + "AAAAAAAA", 401),
        (lambda key: Key("ours").token(), 401),
        (lambda key: Key("theirs").token(), 401),
        (lambda key: key.token(lives=-60), 401),
        (lambda key: key.token(aud="https://elsewhere.example"), 401),
        (lambda key: key.token(without=["aud"]), 401),
        (lambda key: key.token(aud=[AUDIENCE]), 401),
        (lambda key: key.token(iss="https://evil.example"), 401),
        (lambda key: key.token(without=["iss"]), 401),
        (lambda key: key.token(without=["exp"]), 401),
        (lambda key: key.token(email="stranger@example.com"), 403),
        (lambda key: key.token(email_verified=False), 403),
        (lambda key: key.token(email_verified="true"), 403),
        (lambda key: key.token(without=["email_verified"]), 403),
        (lambda key: key.token(without=["email"]), 403),
    ],
)
def test_another_token_is_refused_and_no_run_comes_of_it(world, key, made, status):
    client, prefect, _ = world
    token = made(key)
    if token == "é":
        headers = {"authorization": b"Bearer \xc3\xa9"}
        answer = client.get("/invoke", params={"run_date": DAY}, headers=headers)
    else:
        answer = asked(client, token)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert status != 401 or answer.headers["www-authenticate"] == "Bearer"
    if token and len(token) > 10:
        assert token not in answer.text
    known = asked(client, key.token(), "/runs").json()["runs"]
    assert DAY not in [run["run_date"] for run in known]
    assert prefect.flow_runs == {}


def test_another_scheme_is_refused(world, key):
    client, *_ = world

    assert asked(client, key.token(), scheme="Basic").status_code == 401


@pytest.mark.parametrize("path", ["/invoke", "/runs", "/runs/rfm-1998-06-30-1"])
def test_every_route_that_tells_of_runs_is_guarded(world, path):
    client, *_ = world

    assert asked(client, path=path).status_code == 401


def test_the_probes_are_open(world):
    client, *_ = world

    assert asked(client, path="/healthcheck").status_code == 204
    assert asked(client, path="/readiness").status_code == 200


def test_strangers_are_told_which_part_is_not_ready_and_nothing_more(key, tmp_path):
    certificates, prefect = CertificateServer(key), PrefectStandIn().start()
    settings = settings_for(
        tmp_path, prefect, pull=False, certificates=certificates.url, accounts=ACCOUNT, **GUARDED["google"]
    )
    with client_of(create_app(settings)) as client:
        prefect.stop()
        strangers = [asked(client, token, "/readiness") for token in (None, "x", Key("theirs").token())]
        ours = asked(client, key.token(), "/readiness")

    assert [(answer.status_code, answer.json()) for answer in strangers] == [
        (503, {"messenger": "ok", "register": "ok", "prefect": "not ready"})
    ] * 3
    assert (ours.status_code, "cannot be reached" in ours.json()["prefect"]) == (503, True)
    certificates.stop()


def test_certificates_are_fetched_once_and_forged_key_ids_do_not_make_us_fetch(key, tmp_path):
    certificates, prefect = CertificateServer(key), PrefectStandIn().start()
    settings = settings_for(
        tmp_path, prefect, pull=False, certificates=certificates.url, accounts=ACCOUNT, **GUARDED["google"]
    )
    with client_of(create_app(settings)) as client:
        good = [asked(client, key.token(), "/runs").status_code for _ in range(5)]
        forged = [asked(client, key.token(key_id=f"forged-{n}"), "/runs").status_code for n in range(5)]

    assert (set(good), set(forged), certificates.fetched) == ({200}, {401}, 1)
    certificates.stop()
    prefect.stop()


def test_when_certificates_cannot_be_fetched_it_is_said_to_try_again_and_heals(key, tmp_path, monkeypatch):
    monkeypatch.setattr("invoker.certificates.FAILED_FOR", 0)
    certificates, prefect = CertificateServer(key), PrefectStandIn().start()
    settings = settings_for(
        tmp_path, prefect, pull=False, certificates=certificates.url, accounts=ACCOUNT, **GUARDED["google"]
    )
    with client_of(create_app(settings)) as client:
        certificates.broken = True
        answer = asked(client, key.token())
        certificates.broken = False
        healed = asked(client, key.token(), "/runs")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (healed.status_code, healed.json()) == (200, {"runs": []})
    assert prefect.flow_runs == {}
    certificates.stop()
    prefect.stop()


def pushed(client, key, *, subscription=REQUESTS, run_date=DAY, **claims):
    request = request_for(run_date=run_date)
    message = {
        "data": base64.b64encode(request.encode()).decode(),
        "attributes": request.attributes(),
        "messageId": "1",
        "publishTime": "2026-01-01T00:00:00Z",
    }
    token = key.token(**{"aud": f"{AUDIENCE}/pubsub/push", "email": PUSHER, **claims})
    return client.post(
        "/pubsub/push",
        json={"message": message, "subscription": subscription},
        headers={"authorization": f"Bearer {token}"},
    )


def test_a_push_of_ours_is_dispatched(world, key):
    client, prefect, _ = world

    answer = pushed(client, key, run_date="1997-01-31")

    assert (answer.status_code, answer.content) == (204, b"")
    assert prefect.keys() == ["rfm-1997-01-31-1/orchestrate"]
    prefect.flow_runs.clear()


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"subscription": "projects/p/subscriptions/others"}, 403),
        ({"subscription": ""}, 403),
        ({"aud": AUDIENCE}, 401),
        ({"email": ACCOUNT}, 403),
        ({"email_verified": False}, 403),
        ({"iss": "https://evil.example"}, 401),
    ],
)
def test_a_push_from_elsewhere_is_refused_and_starts_nothing(world, key, wrong, status):
    client, prefect, _ = world

    answer = pushed(client, key, **wrong)

    assert answer.status_code == status
    assert prefect.flow_runs == {}


def test_a_push_without_a_token_is_refused_before_it_is_read(world):
    client, prefect, _ = world

    answer = client.post("/pubsub/push", content=b"no envelope")

    assert answer.status_code == 401
    assert prefect.flow_runs == {}


def test_a_persons_token_does_not_open_the_push_route_nor_the_pushers_the_others(world, key):
    client, *_ = world

    assert pushed(client, key, aud=AUDIENCE, email=ACCOUNT).status_code == 401
    assert asked(client, key.token(email=PUSHER)).status_code == 403


def checked_by_cloud_run(key, **changes):
    """As a container on Cloud Run gets a token that IAM has let in."""
    return key.token(**changes).rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"


@pytest.mark.parametrize(
    ("made", "good"),
    [
        (checked_by_cloud_run, True),
        (lambda key: key.token(), True),
        (lambda key: checked_by_cloud_run(key, lives=-60), False),
        (lambda key: checked_by_cloud_run(key, aud="https://another.example"), False),
        (lambda key: checked_by_cloud_run(key, iss="https://another.example"), False),
        (lambda key: checked_by_cloud_run(key, email_verified=False), False),
        (lambda key: checked_by_cloud_run(key, email="stranger@example.com"), False),
        (lambda key: Key("forged").token(), False),
        (lambda key: "a.b.SIGNATURE_REMOVED_BY_GOOGLE", False),
    ],
)
def test_behind_cloud_run_a_token_that_it_has_checked_is_believed_and_no_other(key, made, good):
    certificates = CertificateServer(key)
    tokens = Tokens(Certificates(certificates.url), behind_cloud_run=True)
    asking = tokens.email_of(made(key), audiences=[AUDIENCE], accounts=[ACCOUNT])

    try:
        if good:
            assert asyncio.run(asking) == ACCOUNT
        else:
            with pytest.raises((BadToken, NotAllowed)):
                asyncio.run(asking)
    finally:
        certificates.stop()


def test_elsewhere_a_token_without_a_signature_is_refused(world, key):
    client, *_ = world

    assert asked(client, checked_by_cloud_run(key)).status_code == 401
