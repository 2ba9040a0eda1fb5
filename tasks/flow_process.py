"""The process that a container's flow run gets: forked when Prefect has been imported, and let go when it is watched.

To import Prefect takes more than a second of one CPU, and who watches a flow run needs it as well as the flow run. So
it is imported once. While the watch is set up, the new process imports what every step begins with.
"""

import json
import os
import runpy
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import NoReturn, Self

import anyio
import anyio.abc
import prefect.engine
import prefect.flow_engine  # noqa: F401
from prefect.client.schemas.objects import FlowRun
from prefect.runner._control_channel import ControlChannel
from prefect.runner._process_manager import ProcessHandle


class FlowProcess:
    """`with FlowProcess() as process: …` forks, so it has to be the only thread. Whatever happens within, it is gone at
    the end."""

    def __init__(self) -> None:
        self.pid = 0
        self.returncode: int | None = None
        """Negative when a signal has ended it. None as long as it was not waited for."""
        self._waiting = Lock()

    def __enter__(self) -> Self:
        heard, self._said = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._said)
            _become_the_flow_run(heard)
        os.close(heard)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._said)
        self.kill()
        self.wait()

    def begin(self, environment: Mapping[str, str]) -> None:
        """Lets it go, with these variables besides this process's own."""
        with suppress(BrokenPipeError):  # it is dead already, and whoever waits for it sees how it ended
            os.write(self._said, json.dumps(dict(environment)).encode() + b"\n")

    def wait(self) -> None:
        with self._waiting:  # a thread whose wait was cancelled waits on
            if self.returncode is None:
                _, status = os.waitpid(self.pid, 0)
                self.returncode = os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _become_the_flow_run(heard: int) -> NoReturn:
    """This process is `python -m prefect.engine` from here on, as soon as it hears with which variables."""
    import tasks.report  # noqa: F401

    with os.fdopen(heard) as parent:
        told = parent.readline()
    if not told:
        os._exit(0)
    os.environ.update(json.loads(told))
    sys.argv = ["prefect.engine"]
    del sys.modules["prefect.engine"]
    runpy.run_module("prefect.engine", run_name="__main__", alter_sys=True)
    sys.exit(0)


class FlowProcessStarter:
    """As Prefect's own starters: `start` returns when the process has ended, and when it is cancelled it ends it."""

    def __init__(self, process: FlowProcess, control_channel: ControlChannel) -> None:
        self._process, self._control_channel = process, control_channel

    async def start(
        self, flow_run: FlowRun, task_status: anyio.abc.TaskStatus[ProcessHandle] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        environment = {"PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false"}
        with suppress(RuntimeError):  # no channel: a cancelled flow run is ended all the same, but less gracefully
            port, token = self._control_channel.register(flow_run.id)
            environment |= {"PREFECT__CONTROL_PORT": str(port), "PREFECT__CONTROL_TOKEN": token}
        self._process.begin(environment)
        task_status.started(ProcessHandle(self._process))  # type: ignore[arg-type]
        try:
            await anyio.to_thread.run_sync(self._process.wait, abandon_on_cancel=True)
        except BaseException:  # of whatever kind: nobody watches the flow run any more
            self._process.kill()
            raise
