"""Execute: the flow run of this container, as `python -m tasks.execute`, which is what its platform starts.

It runs in a process of its own; this one watches for its cancellation, and tells Prefect of a crash. `prefect flow-run
execute` does the same, and first starts two processes more that look for the code. Here the code is in the image, and
each process that imports Prefect takes a second of one CPU (docs/adr/0024-container-environment.md).
"""

import asyncio
import os
import sys
from uuid import UUID

from prefect.flows import load_flow_from_flow_run
from prefect.runner._flow_run_executor import FlowRunExecutorContext
from prefect.runner._starter_engine import EngineCommandStarter

FLOW_RUN = "PREFECT__FLOW_RUN_ID"


async def execute(flow_run_id: UUID) -> None:
    """Returns when the flow run has ended, however it did: that is told by its state."""
    async with FlowRunExecutorContext() as context:
        flow_run = await context.client.read_flow_run(flow_run_id)
        executor = context.create_executor(
            flow_run,
            EngineCommandStarter(control_channel=context.control_channel),
            resolve_flow=load_flow_from_flow_run,
            propose_submitting=False,
        )
        await executor.submit()


if __name__ == "__main__":
    if FLOW_RUN not in os.environ:
        sys.exit(f"{FLOW_RUN} says which flow run, and it is not set: a worker of Prefect's sets it")
    asyncio.run(execute(UUID(os.environ[FLOW_RUN])))
