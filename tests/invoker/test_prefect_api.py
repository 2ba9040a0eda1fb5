"""The little that is spoken of Prefect's API."""

import asyncio

import pytest

from invoker.flow_runs import FlowRunRefused, PrefectUnavailable
from invoker.prefect_api import PrefectApi
from settings import Prefect, Settings
from tests.invoker.prefect_stand_in import PrefectStandIn

WANTED = {
    "key": "rfm-1998-06-30-1/orchestrate",
    "name": "n",
    "parameters": {"a": 1},
    "tags": ["rfm"],
    "labels": {"run_id": "rfm-1998-06-30-1"},
}


def asking(prefect, *calls, **settings):
    """The results of the calls, one after the other on one client."""

    async def ask():
        api = PrefectApi(Prefect(**{"api_url": prefect.url, **settings}))
        try:
            return [await call(api) for call in calls]
        finally:
            await api.close()

    return asyncio.run(ask())


def create(api):
    return api.create("orchestrate/rfm", **WANTED)


def find(api):
    return api.find(WANTED["key"], within=1)


def test_a_flow_run_is_created_once_and_found_by_its_key(prefect):
    (first, new), (second, again), found = asking(prefect, create, create, find)

    assert (new, again) == (True, False)
    assert first.id == second.id == found.id
    assert (found.state, found.parameters, found.ended_badly) == ("SCHEDULED", {"a": 1}, False)


def test_the_deployment_is_looked_up_once(prefect):
    asking(prefect, create, create, create)

    assert [path for _, path, _ in prefect.asked].count("/api/deployments/name/orchestrate/rfm") == 1


def test_a_deployment_that_was_registered_anew_is_looked_up_anew(prefect):
    async def redeploy(api):
        prefect.deployments["orchestrate/rfm"] = "00000000-0000-0000-0000-000000000001"

    asking(prefect, create, redeploy, create)

    assert [deployment for deployment, _ in prefect.flow_runs][-1] == "00000000-0000-0000-0000-000000000001"


def test_an_unknown_flow_run_is_none(prefect):
    assert asking(prefect, find, lambda api: api.get("00000000-0000-0000-0000-000000000000", within=1)) == [None, None]


@pytest.mark.parametrize(
    ("settings", "header"),
    [({}, None), ({"api_key": "pnu_x"}, "Bearer pnu_x"), ({"api_key": "k", "api_auth_string": "u:p"}, "Basic dTpw")],
)
def test_the_key_of_prefect_cloud_or_of_a_server_is_sent(prefect, settings, header):
    asking(prefect, create, **settings)

    assert prefect.authorizations == {header}


def test_its_settings_are_those_of_prefect_itself_and_prefects_others_do_no_harm(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "https://api.prefect.cloud/api/accounts/a/workspaces/w")
    monkeypatch.setenv("PREFECT_API_KEY", "pnu_x")
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    monkeypatch.setenv("PREFECT_CLIENT_RETRY_EXTRA_CODES", "429,502")

    prefect = Settings().prefect

    assert prefect.api_url == "https://api.prefect.cloud/api/accounts/a/workspaces/w"
    assert prefect.api_key.get_secret_value() == "pnu_x"
    assert "pnu_x" not in repr(prefect)


def test_a_missing_deployment_is_refused_with_what_to_do():
    prefect = PrefectStandIn(deployments=()).start()
    with pytest.raises(FlowRunRefused, match="prefect deploy --all"):
        asking(prefect, create)
    prefect.stop()


@pytest.mark.parametrize(
    ("refusal", "parameter"),
    [
        (" for field 'attempt'. Failure reason: 'secret' is not of type 'integer'", "attempt"),
        (" for field 'request'. Failure reason: 'run_id' is a required property", "request.run_id"),
        (". Failure reason: 'run_date' is a required property", "run_date"),
    ],
)
def test_of_a_refusal_the_parameters_name_is_told(prefect, refusal, parameter):
    assert refused(prefect, refusal).endswith(f" with 409: it does not take the parameter {parameter}")


@pytest.mark.parametrize("refusal", [". Failure reason: 'secret' does not match", ": field 'secret'", ""])
def test_of_a_refusal_no_value_is_told(prefect, refusal):
    assert refused(prefect, refusal) == "Prefect refused deployment orchestrate/rfm with 409"


def refused(prefect, refusal):
    prefect.refuses_parameters, prefect.refusal = True, refusal
    with pytest.raises(FlowRunRefused) as refused:
        asking(prefect, create)
    return str(refused.value)


def test_what_is_not_prefect_is_said_to_be_so(prefect):
    prefect.answers_with = 200

    with pytest.raises(PrefectUnavailable, match="not Prefect's API"):
        asking(prefect, create)
    with pytest.raises(PrefectUnavailable, match="not Prefect's API"):
        asking(prefect, find)


def test_an_address_where_nobody_is_can_be_tried_again(prefect):
    with pytest.raises(PrefectUnavailable, match="cannot be reached"):
        asking(prefect, find, api_url="http://127.0.0.1:1/api")


def test_a_look_is_over_in_the_time_it_was_given(prefect):
    prefect.slow_by = 5

    with pytest.raises(PrefectUnavailable, match="Timeout"):
        asking(prefect, lambda api: api.find("k", within=0.1))
