"""Execute: the flow run of this container, as `python -m tasks.execute`, which is what its platform starts.

It runs in a process of its own; this one watches for its cancellation, passes on that the platform ends the container,
and tells Prefect of a crash. `prefect flow-run execute` does so too, and first starts two processes more that look for
the code. Here the code is in the image, and Prefect is imported once (docs/adr/0024-container-environment.md).
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from uuid import UUID

from prefect.flows import load_flow_from_flow_run
from prefect.runner._flow_run_executor import FlowRunExecutorContext
from prefect.runner._process_manager import ProcessManager

from tasks.flow_process import FlowProcess, FlowProcessStarter

FLOW_RUN = "PREFECT__FLOW_RUN_ID"
ENDED = 128 + signal.SIGTERM
"""Exit code of what SIGTERM has ended."""


async def execute(flow_run_id: UUID, process: FlowProcess) -> None:
    """Returns when the flow run has ended, however it did: that is told by its state."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, sys.exit, ENDED)
    async with FlowRunExecutorContext() as context:
        loop.add_signal_handler(signal.SIGTERM, end, context.process_manager, flow_run_id)
        flow_run = await context.client.read_flow_run(flow_run_id)
        executor = context.create_executor(
            flow_run,
            FlowProcessStarter(process, context.control_channel),
            resolve_flow=load_flow_from_flow_run,
            propose_submitting=False,
        )
        await executor.submit()


def end(processes: ProcessManager, flow_run_id: UUID) -> None:
    """At SIGTERM, by which a platform cancels a container or ends it at its timeout. The flow says itself that it has
    failed; nothing is said of one that has not begun.

    Without this nobody would be told: the kernel keeps the signal from a container's first process, and gives the
    flow none.
    """
    handle = processes.get(flow_run_id)
    if handle is None:
        sys.exit(ENDED)
    with suppress(ProcessLookupError):
        handle.graceful_kill()


if __name__ == "__main__":
    if FLOW_RUN not in os.environ:
        sys.exit(f"{FLOW_RUN} says which flow run, and it is not set: a worker of Prefect's sets it")
    with FlowProcess() as flow_process:
        asyncio.run(execute(UUID(os.environ[FLOW_RUN]), flow_process))
