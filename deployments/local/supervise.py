"""Starts supervisord and talks to it over its Unix socket."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from deployments.local.layout import Layout
from deployments.local.parts import dying_with_parent
from settings import PROJECT

GONE = (ConnectionError, FileNotFoundError, Fault, OSError)


def start_supervisor(layout: Layout, environment: Mapping[str, str], *, owned: bool) -> int:
    """Starts it in a session of its own, so that Ctrl-C reaches only the command that the user typed.

    Owned, it ends with this process, even when this process is killed. Returns its pid.
    """
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(layout.supervisor_config)]
    with (layout.logs / "supervisor.out").open("wb") as output:
        process = subprocess.Popen(  # noqa: S603
            [*(dying_with_parent("TERM") if owned else ()), *command],
            cwd=PROJECT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process.pid


def part_states(layout: Layout) -> Sequence[Mapping[str, Any]]:
    """What supervisord knows of each part: name, statename, pid, start, description. Empty when it is not there."""
    try:
        states: Any = _proxy(layout).supervisor.getAllProcessInfo()
    except GONE:
        return ()
    return list(states)


def _proxy(layout: Layout) -> ServerProxy:
    transport = SupervisorTransport(None, None, f"unix://{layout.supervisor_socket}")
    return ServerProxy("http://127.0.0.1", transport=transport)
