"""What a killed worker had taken and not started yet: given back, so that the next worker starts it.

Prefect leaves such a flow run Pending for ever: no process exists whose end or silence could be noticed. On this
machine it can be seen which flow runs have a process.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import httpx
import psutil

from deployments.local.leftovers import find_leftovers

FLOW_RUN = "PREFECT__FLOW_RUN_ID"
"""Under this name a flow run's process, and the fork server's client that stands for it, carry its id."""
log = logging.getLogger(__name__)


async def give_back(client: httpx.AsyncClient, pools: Sequence[str], root: Path) -> list[str]:
    """The ids of the flow runs that wait again. To be called before a worker asks for work: until then nobody starts
    a process. One that lives already goes on. Raises httpx.HTTPError.
    """
    # first the processes: one that ends in between has told Prefect its end before it did
    alive = flow_runs_alive(root)
    wanted = {"work_pools": {"name": {"any_": list(pools)}}, "flow_runs": {"state": {"type": {"any_": ["PENDING"]}}}}
    answer = await client.post("/flow_runs/filter", json=wanted)
    left = [one["id"] for one in answer.raise_for_status().json() if one["id"] not in alive]
    for flow_run_id in left:
        state = {"type": "SCHEDULED", "message": "Its worker was killed before it had started it."}
        again = await client.post(f"/flow_runs/{flow_run_id}/set_state", json={"state": state, "force": True})
        again.raise_for_status()
        log.warning("flow run %s had been taken by a worker that was killed; it is scheduled again", flow_run_id)
    return left


def flow_runs_alive(root: Path) -> set[str]:
    """Ids of the flow runs that have a process of the stack in this folder."""
    alive = set()
    for process in find_leftovers(root):
        try:
            carried = process.environ().get(FLOW_RUN)
        except psutil.Error:
            continue
        if carried is not None:
            alive.add(carried)
    return alive
