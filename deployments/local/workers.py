"""Runs one unmodified process worker for each work pool, all three on one event loop.

A worker only asks for scheduled runs and watches processes. Three processes would do the same with three
times the memory and, at the start, three times the imports.

A worker asks every WORKER_POLL seconds. So that a run does not wait for that, the server's news of a scheduled
run makes its worker ask at once; should the news not come, the next poll finds the run.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import prefect.plugins

# a worker would import every installed Prefect collection only to report their versions to the server
prefect.plugins.load_prefect_collections = lambda reload=False: {}  # noqa: ARG005

import httpx  # noqa: E402
import psutil  # noqa: E402
from prefect.events import Event  # noqa: E402
from prefect.events.clients import get_events_subscriber  # noqa: E402
from prefect.events.filters import EventFilter, EventNameFilter  # noqa: E402
from prefect.settings import PREFECT_API_URL  # noqa: E402
from prefect.workers.process import ProcessWorker  # noqa: E402

from deployments.local.flow_log import keep_small  # noqa: E402
from deployments.local.layout import Layout  # noqa: E402
from deployments.local.orphans import settle_orphans, watch_orphans  # noqa: E402
from deployments.local.parts import POOLS  # noqa: E402
from settings import get_settings  # noqa: E402

SCHEDULED = EventFilter(event=EventNameFilter(name=["prefect.flow-run.Scheduled"]))
LISTEN_AGAIN = 2.0
log = logging.getLogger(__name__)


async def prepare(client: httpx.AsyncClient, root: Path) -> Mapping[str, psutil.Process]:
    """Waits until `up` has made the pools: a worker that finds none asks again only after half a minute.

    Returns the flow runs that a worker before this one had started and that still live.
    """
    for pool in POOLS:
        while not await _exists(client, pool):
            await asyncio.sleep(0.1)
    while True:
        try:
            return await settle_orphans(client, POOLS, root)
        except httpx.HTTPError as error:
            log.warning("Prefect could not be asked yet what a worker before has left: %s", type(error).__name__)
            await asyncio.sleep(1)


async def _exists(client: httpx.AsyncClient, pool: str) -> bool:
    try:
        answer = await client.get(f"/work_pools/{pool}")
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


async def listen(workers: Mapping[str, ProcessWorker]) -> None:
    """Makes a worker ask for runs as soon as one is scheduled. Whatever goes wrong here only costs time."""
    while True:
        try:
            async with get_events_subscriber(filter=SCHEDULED) as events:
                async for event in events:
                    await ask_for(event, workers)
        except Exception as error:  # of whatever kind: the workers still poll
            log.info("no news of scheduled runs, polling goes on: %s", error)
        await asyncio.sleep(LISTEN_AGAIN)


async def ask_for(event: Event, workers: Mapping[str, ProcessWorker]) -> None:
    """A worker that has not reached the server yet has nothing to ask with; it polls as soon as it has."""
    for related in event.related:
        worker = workers.get(related.name or "") if related.role == "work-pool" else None
        if worker is not None and worker.is_setup:
            await worker.get_and_submit_flow_runs()


async def work() -> None:
    running = asyncio.current_task()
    assert running is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    layout = Layout(get_settings().stack.path)
    async with httpx.AsyncClient(base_url=str(PREFECT_API_URL.value()), timeout=30) as client:
        orphans = await prepare(client, layout.root)
        workers = {pool: ProcessWorker(pool, name=f"local {pool}", create_pool_if_not_found=False) for pool in POOLS}
        async with asyncio.TaskGroup() as group:
            for worker in workers.values():
                group.create_task(worker.start())
            group.create_task(listen(workers))
            group.create_task(watch_orphans(client, orphans))
            group.create_task(keep_small(layout.flow_log))


def main() -> None:
    os.environ.pop("PREFECT__WORKER_NAME", None)
    try:
        asyncio.run(work())
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    main()
