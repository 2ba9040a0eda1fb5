"""The flow run of a backfill: a new one, or the one with the same dates that has not come to its end."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from errors import Permanent

DEPLOYMENT = "backfill/rfm"
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
LOOKED_THROUGH = 50
ASK_AGAIN = 0.5


class NoBackfill(Permanent):
    """The deployment is not registered, or Prefect refused the parameters; nothing was started."""


FlowRun = dict[str, Any]


def start(client: httpx.Client, parameters: Mapping[str, Any], *, fresh: bool) -> tuple[FlowRun, str]:
    """The flow run, and what was done about it. `fresh`: the stack was just started, so nothing of it can run.

    Raises NoBackfill, httpx.HTTPError.
    """
    deployment = client.get(f"/deployments/name/{DEPLOYMENT}")
    if deployment.status_code == httpx.codes.NOT_FOUND:
        raise NoBackfill(f"there is no deployment {DEPLOYMENT}; make up registers it")
    deployment.raise_for_status()
    known = _unfinished(client, deployment.json()["id"], parameters)
    if known is None:
        return _create(client, deployment.json()["id"], parameters), "asked for"
    if known["state_type"] not in FINAL and not fresh:
        return known, "under way already"
    retry = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": True}
    client.post(f"/flow_runs/{known['id']}/set_state", json=retry).raise_for_status()
    return known, f"taken up again, it had ended as {known['state_name']}"


def follow(client: httpx.Client, flow_run_id: str) -> Iterator[FlowRun]:
    """The flow run again and again until it has ended."""
    while True:
        flow_run: FlowRun = client.get(f"/flow_runs/{flow_run_id}").raise_for_status().json()
        yield flow_run
        if flow_run["state_type"] in FINAL:
            return
        time.sleep(ASK_AGAIN)


def artifact(client: httpx.Client, flow_run_id: str, key: str) -> dict[str, Any] | None:
    """The newest one of this key that the flow run has made."""
    wanted = {
        "artifacts": {"flow_run_id": {"any_": [flow_run_id]}, "key": {"any_": [key]}},
        "sort": "CREATED_DESC",
        "limit": 1,
    }
    found: list[dict[str, Any]] = client.post("/artifacts/filter", json=wanted).raise_for_status().json()
    return found[0] if found else None


def _unfinished(client: httpx.Client, deployment_id: str, parameters: Mapping[str, Any]) -> FlowRun | None:
    wanted = {
        "flow_runs": {"deployment_id": {"any_": [deployment_id]}},
        "sort": "EXPECTED_START_TIME_DESC",
        "limit": LOOKED_THROUGH,
    }
    for flow_run in client.post("/flow_runs/filter", json=wanted).raise_for_status().json():
        if flow_run["parameters"] == parameters:
            return None if flow_run["state_type"] == "COMPLETED" else dict(flow_run)
    return None


def _create(client: httpx.Client, deployment_id: str, parameters: Mapping[str, Any]) -> FlowRun:
    made = client.post(f"/deployments/{deployment_id}/create_flow_run", json={"parameters": dict(parameters)})
    if made.is_client_error:
        raise NoBackfill(f"Prefect refused it: {made.json().get('detail', made.status_code)}")
    return dict(made.raise_for_status().json())
