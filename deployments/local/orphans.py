"""What a killed worker leaves behind, and Prefect would not hear of: settled by the worker that comes after it.

- What it had taken and not started is Pending, and has no process whose end or silence could be noticed: given back.
- What it had started goes on without it. When such a process ends without a word, it has crashed.

Elsewhere than on one machine nobody sees the processes: there heartbeats tell (deployments/automations/zombies.yaml).
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil

from deployments.local.leftovers import find_leftovers

FLOW_RUN = "PREFECT__FLOW_RUN_ID"
"""Under this name a flow run's process, and the fork server's client that stands for it, carry its id."""
LOOK_EVERY = 1.0
SCHEDULED = {"type": "SCHEDULED", "message": "Its worker was killed before it had started it."}
CRASHED = {"type": "CRASHED", "message": "Its process has ended without a word, after its worker was killed."}
log = logging.getLogger(__name__)


async def settle_orphans(client: httpx.AsyncClient, pools: Sequence[str], root: Path) -> Mapping[str, psutil.Process]:
    """To be called before a worker asks for work: until then nobody starts a process. Returns what lives, by flow run.

    Raises httpx.HTTPError.
    """
    # first the processes: one that ends in between has told Prefect its end before it did
    alive = dict(flow_run_processes(root))
    states = {"state": {"type": {"any_": ["PENDING", "RUNNING"]}}}
    wanted = {"work_pools": {"name": {"any_": list(pools)}}, "flow_runs": states}
    answer = await client.post("/flow_runs/filter", json=wanted)
    for one in answer.raise_for_status().json():
        if one["id"] not in alive:
            await _set_state(client, one["id"], SCHEDULED if one["state_type"] == "PENDING" else CRASHED)
    return alive


def flow_run_processes(root: Path) -> Iterator[tuple[str, psutil.Process]]:
    """What the workers of the stack in this folder have started, by flow run. A child of the fork server has its
    environment only in itself, so the fork server's client stands for it; the run dies with it.
    """
    for process in find_leftovers(root):
        try:
            carried = process.environ().get(FLOW_RUN)
        except psutil.Error:
            continue
        if carried is not None:
            yield carried, process


async def watch_orphans(client: httpx.AsyncClient, orphans: Mapping[str, psutil.Process]) -> None:
    """Until the last of them has ended. While Prefect cannot be asked it is asked again."""
    left = dict(orphans)
    while left:
        await asyncio.sleep(LOOK_EVERY)
        for flow_run_id in [one for one, process in left.items() if _has_ended(process)]:
            try:
                await _crash_unless_it_has_said_so(client, flow_run_id)
            except httpx.HTTPError:
                continue
            del left[flow_run_id]


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def _crash_unless_it_has_said_so(client: httpx.AsyncClient, flow_run_id: str) -> None:
    answer = await client.get(f"/flow_runs/{flow_run_id}")
    if answer.raise_for_status().json()["state_type"] in ("PENDING", "RUNNING"):
        await _set_state(client, flow_run_id, CRASHED)


async def _set_state(client: httpx.AsyncClient, flow_run_id: str, state: Mapping[str, Any]) -> None:
    answer = await client.post(f"/flow_runs/{flow_run_id}/set_state", json={"state": state, "force": True})
    answer.raise_for_status()
    log.warning("flow run %s is %s: %s", flow_run_id, state["type"], state["message"])
