"""The automations on a real Prefect server: what they tell reaches a receiver, and applying them again is safe."""

from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.states import Crashed, Running, Scheduled

from deployments.local.parts import POOLS
from deployments.registration import automations
from deployments.registration.automations import read_automations, register_automations, told_on
from deployments.registration.prefect_file import flow_of, read_deployments
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


def a_flow_run(tags, state=None):
    @flow
    def orchestrate() -> None: ...

    with get_client(sync_client=True) as prefect_client:
        return prefect_client.create_flow_run(
            orchestrate, name=f"rfm {uuid4().hex[:8]}", tags=tags, state=state or Running()
        )


def state(client, flow_run):
    return client.get(f"/flow_runs/{flow_run.id}").json()["state"]


def heard(event, flow_run):
    emit_event(event, resource={"prefect.resource.id": f"prefect.flow-run.{flow_run.id}"})
    EventsWorker.instance().drain()


def loaded(client):
    """Returns when the server goes by the automations as they are now.

    It hears of changes a little later, one after the other, and what happens until then sets off nothing. So one more
    is made, last, and what sets it off happens again and again until it has acted.
    """
    word, probe = f"probe-{uuid4().hex[:8]}", a_flow_run([])
    trigger = {"type": "event", "posture": "Reactive", "expect": [word], "threshold": 1, "within": 0}
    action = {"type": "change-flow-run-state", "state": "CANCELLED"}
    last = {"name": word, "trigger": trigger | {"for_each": ["prefect.resource.id"]}, "actions": [action]}
    made = client.post("/automations/", json=last).raise_for_status().json()

    def acts():
        heard(word, probe)
        return state(client, probe)["type"] == "CANCELLED"

    until(acts, 60, "the server to go by the automations")
    client.delete(f"/automations/{made['id']}").raise_for_status()


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


@pytest.mark.parametrize("tags", [["orchestrator", "rfm"], ["rfm", "workload", "report"]])
def test_a_crashed_orchestrator_or_report_is_told_once_and_a_crashed_step_is_not(prefect, client, settings, tags):  # noqa: F811
    with web_receiver() as receiver:
        register_automations(client, settings(receiver.address))
        loaded(client)
        step, crashed = a_flow_run(["rfm", "workload"]), a_flow_run(tags)
        with get_client(sync_client=True) as prefect_client:
            for one in (step, crashed):
                prefect_client.set_flow_run_state(one.id, Crashed(message="killed"), force=True)

        until(lambda: receiver.got, 120, "the message")

        assert receiver.titles == [f"[crashed] {crashed.name}"]
        assert "killed" in receiver.got[0]["message"]
        assert f"/runs/flow-run/{crashed.id}" in receiver.got[0]["message"]
        assert "docs/operations.md#crashed" in receiver.got[0]["message"]


def test_what_is_told_of_is_tagged_so(settings):
    """By prefect.yaml, as the automations look for it."""
    tags = {(flow_of(one), tag) for one in read_deployments(settings(""), POOLS) for tag in one["tags"]}

    assert {("orchestrate", "orchestrator"), ("report", "report")} <= tags
    assert not {("features", "report"), ("scoring", "report"), ("features", "orchestrator")} & tags


def quickly(client, settings, address, name):
    """The automation of this name as it is registered, with a shorter time; the rest is the file's."""
    register_automations(client, settings(address))
    known = registered(client)[name]
    quick = {part: known[part] for part in ("name", "description", "enabled", "trigger", "actions")}
    quick["trigger"] = known["trigger"] | {"within": 10}
    client.put(f"/automations/{known['id']}", json=quick).raise_for_status()
    client.delete(f"/variables/name/{automations.REGISTERED}").raise_for_status()
    loaded(client)


def test_an_orchestrator_that_no_worker_takes_is_told_as_late(prefect, client, settings):  # noqa: F811
    with web_receiver() as receiver:
        quickly(client, settings, receiver.address, "invoker-rfm: tell of a run that does not start")
        taken = a_flow_run(["orchestrator", "rfm"], state=Scheduled(name="Late"))
        with get_client(sync_client=True) as prefect_client:
            prefect_client.set_flow_run_state(taken.id, Running(), force=True)
        waiting = a_flow_run(["orchestrator", "rfm"], state=Scheduled(name="Late"))

        until(lambda: f"[late] {waiting.name}" in receiver.titles, 120, "the message")

        assert f"[late] {taken.name}" not in receiver.titles
        assert "docs/operations.md#late" in receiver.got[0]["message"]


def test_a_pool_whose_last_worker_is_gone_is_told_of(prefect, client, settings):  # noqa: F811
    pool = f"pool-{uuid4().hex[:8]}"
    with web_receiver() as receiver:
        quickly(client, settings, receiver.address, "invoker-rfm: tell of a pool without workers")
        client.post("/work_pools/", json={"name": pool, "type": "process"}).raise_for_status()
        alive = {"name": "worker", "heartbeat_interval_seconds": 1}
        client.post(f"/work_pools/{pool}/workers/heartbeat", json=alive).raise_for_status()

        # other tests leave pools without workers too
        [told] = until(lambda: [one for one in receiver.got if pool in one["message"]], 180, "the message")

        assert told["title"] == "[health] workers"
        assert "docs/operations.md#health" in told["message"]


def test_a_flow_run_without_a_heartbeat_is_set_to_crashed(prefect, client, settings):  # noqa: F811
    """With a shorter time than that of the file; the rest is the file's."""
    [zombies] = [one for one in read_automations(settings("")) if one["name"] == ZOMBIES]
    quick = zombies | {"name": "quick", "trigger": zombies["trigger"] | {"within": 10}}
    made = client.post("/automations/", json=quick).raise_for_status().json()
    loaded(client)
    zombie = a_flow_run([])
    heard("prefect.flow-run.heartbeat", zombie)

    until(lambda: state(client, zombie)["type"] == "CRASHED", 120, "the state Crashed")
    assert "not heard of" in state(client, zombie)["message"]
    client.delete(f"/automations/{made['id']}")


def test_what_is_told_names_the_runbook_at_its_address(monkeypatch, settings):
    monkeypatch.setenv("ALERTS_RUNBOOK", "https://example.com/operations")

    for automation in read_automations(settings("")):
        for action in told_on(automation, ["1"])["actions"]:
            assert action["type"] != "send-notification" or "https://example.com/operations#" in action["body"]


def test_the_time_without_a_heartbeat_is_three_heartbeats(settings):
    [zombies] = [one for one in read_automations(settings("")) if one["name"] == ZOMBIES]

    assert timedelta(seconds=zombies["trigger"]["within"]) == 3 * timedelta(seconds=30)
