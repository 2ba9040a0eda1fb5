"""The automations on a real Prefect server: what they tell reaches a receiver, and applying them again is safe."""

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.states import Crashed, Running

from deployments.registration import automations
from deployments.registration.automations import read_automations, register_automations, told_on
from settings import get_settings
from tests.prefect_server import postgres, prefect, prefect_server  # noqa: F401
from tests.receivers import web_receiver
from tests.waiting import until

ZOMBIES = "invoker-rfm: a flow run without a heartbeat has crashed"


@pytest.fixture
def client(prefect_server):  # noqa: F811
    with httpx.Client(base_url=prefect_server, timeout=30) as client:
        yield client


@pytest.fixture
def settings(monkeypatch):
    def with_channels(addresses):
        monkeypatch.setenv("ALERTS_URLS", addresses)
        get_settings.cache_clear()
        return get_settings()

    yield with_channels
    get_settings.cache_clear()


def registered(client):
    found = client.post("/automations/filter", json={}).raise_for_status().json()
    return {one["name"]: one for one in found if one["name"].startswith("invoker-rfm")}


def a_flow_run(tags):
    @flow
    def orchestrate() -> None: ...

    with get_client(sync_client=True) as prefect_client:
        return prefect_client.create_flow_run(orchestrate, name=f"rfm {uuid4().hex[:8]}", tags=tags, state=Running())


def test_without_channels_only_what_acts_is_there_and_with_one_all_of_them(client, settings):
    register_automations(client, settings(""))
    assert set(registered(client)) == {ZOMBIES}

    assert register_automations(client, settings("json://127.0.0.1:9 json://127.0.0.1:10"))
    told = registered(client)
    assert len(told) == len(read_automations(settings(""))) == 4
    assert {len(one["actions"]) for name, one in told.items() if name != ZOMBIES} == {2}

    register_automations(client, settings(""))
    assert set(registered(client)) == {ZOMBIES}


def test_applied_again_nothing_changes(client, settings):
    chosen = settings("json://127.0.0.1:9")
    register_automations(client, chosen)
    before = registered(client)

    assert register_automations(client, chosen) is False
    client.delete(f"/variables/name/{automations.REGISTERED}")
    assert register_automations(client, chosen) is True
    assert {one["id"] for one in registered(client).values()} == {one["id"] for one in before.values()}


def test_an_address_is_not_shown_by_prefect(client, settings):
    register_automations(client, settings("json://127.0.0.1:9/token-of-ours"))

    shown = client.post("/block_documents/filter", json={}).text + client.post("/automations/filter", json={}).text
    assert "token-of-ours" not in shown


def test_a_crashed_orchestrator_is_told_once_and_a_crashed_step_is_not(prefect, client, settings):  # noqa: F811
    with web_receiver() as receiver:
        register_automations(client, settings(receiver.address))
        step, orchestrator = a_flow_run(["workload"]), a_flow_run(["orchestrator", "rfm"])
        with get_client(sync_client=True) as prefect_client:
            for one in (step, orchestrator):
                prefect_client.set_flow_run_state(one.id, Crashed(message="killed"), force=True)

        until(lambda: receiver.got, 120, "the message")

        assert receiver.titles == [f"[crashed] {orchestrator.name}"]
        assert "killed" in receiver.got[0]["message"]
        assert f"/runs/flow-run/{orchestrator.id}" in receiver.got[0]["message"]
        assert "docs/operations.md#crashed" in receiver.got[0]["message"]


def test_a_flow_run_without_a_heartbeat_is_set_to_crashed(prefect, client, settings):  # noqa: F811
    """With a shorter time than that of the file; the rest is the file's."""
    [zombies] = [one for one in read_automations(settings("")) if one["name"] == ZOMBIES]
    quick = zombies | {"name": "quick", "trigger": zombies["trigger"] | {"within": 10}}
    made = client.post("/automations/", json=quick).raise_for_status().json()
    zombie = a_flow_run([])
    emit_event("prefect.flow-run.heartbeat", resource={"prefect.resource.id": f"prefect.flow-run.{zombie.id}"})
    EventsWorker.instance().drain()

    def state():
        return client.get(f"/flow_runs/{zombie.id}").json()["state"]

    until(lambda: state()["type"] == "CRASHED", 120, "the state Crashed")
    assert "not heard of" in state()["message"]
    client.delete(f"/automations/{made['id']}")


def test_what_is_told_names_the_runbook_at_its_address(monkeypatch, settings):
    monkeypatch.setenv("ALERTS_RUNBOOK", "https://example.com/operations")

    for automation in read_automations(settings("")):
        for action in told_on(automation, ["1"])["actions"]:
            assert action["type"] != "send-notification" or "https://example.com/operations#" in action["body"]


def test_the_time_without_a_heartbeat_is_three_heartbeats(settings):
    [zombies] = [one for one in read_automations(settings("")) if one["name"] == ZOMBIES]

    assert timedelta(seconds=zombies["trigger"]["within"]) == 3 * timedelta(seconds=30)
