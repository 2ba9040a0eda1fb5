"""Runs one unmodified process worker for each work pool, all three on one event loop.

A worker only asks for scheduled runs and watches processes. Three processes would do the same with three
times the memory and, at the start, three times the imports.
"""

import asyncio
import os
import signal

import prefect.plugins

# a worker would import every installed Prefect collection only to report their versions to the server
prefect.plugins.load_prefect_collections = lambda reload=False: {}  # noqa: ARG005

import httpx  # noqa: E402
from prefect.settings import PREFECT_API_URL  # noqa: E402
from prefect.workers.process import ProcessWorker  # noqa: E402

from deployments.local.parts import POOLS  # noqa: E402


async def wait_for_pools(api: str) -> None:
    """Until `up` has made them: a worker that finds no pool asks again only after half a minute."""
    async with httpx.AsyncClient(base_url=api) as client:
        for pool in POOLS:
            while not await _exists(client, pool):
                await asyncio.sleep(0.1)


async def _exists(client: httpx.AsyncClient, pool: str) -> bool:
    try:
        answer = await client.get(f"/work_pools/{pool}")
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


async def work() -> None:
    running = asyncio.current_task()
    assert running is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    await wait_for_pools(str(PREFECT_API_URL.value()))
    async with asyncio.TaskGroup() as group:
        for pool in POOLS:
            worker = ProcessWorker(work_pool_name=pool, name=f"local {pool}", create_pool_if_not_found=False)
            group.create_task(worker.start())


def main() -> None:
    os.environ.pop("PREFECT__WORKER_NAME", None)
    try:
        asyncio.run(work())
    except asyncio.CancelledError:
        return


if __name__ == "__main__":
    main()
