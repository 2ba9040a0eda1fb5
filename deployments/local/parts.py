"""The parts of the stack and how each is started and ended, as a configuration for supervisord."""

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from deployments.local.layout import Layout
from settings import PROJECT, Stack

POOLS = ("orchestrator", "sql-runner", "python-app")
STARTED_AFTER = 20
"""Seconds. A part that ends sooner has failed to start; after three more tries the supervisor gives up."""


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised process. Parts end in the reverse order of `rank`; those of one rank end together."""

    name: str
    command: tuple[str, ...]
    rank: int
    stop_signal: str = "TERM"
    stop_seconds: int = 10


def forks(stack: Stack) -> bool:
    """Whether runs are forked. Elsewhere than on Linux a run would outlive a killed fork server."""
    return stack.process_start == "fork" and sys.platform == "linux"


def parts_of(stack: Stack, layout: Layout) -> tuple[Part, ...]:
    def module(name: str) -> tuple[str, ...]:
        return (*dying_with_parent("KILL"), sys.executable, "-m", name)

    server = Part("prefect-server", module("deployments.local.server"), rank=20)
    workers = Part("workers", module("deployments.local.workers"), rank=40)
    invoker = Part("invoker", module("invoker"), rank=30)
    found = [server, workers, invoker]
    if stack.prefect_database == "postgres":
        # SIGINT is Postgres' fast shutdown: open connections are closed, nothing is lost
        found.append(Part("postgres", module("deployments.local.postgres"), rank=10, stop_signal="INT"))
    if forks(stack):
        script = PROJECT / "deployments" / "process" / "server.py"
        sockets = [f"{pool}={layout.fork_server_socket(pool)}" for pool in POOLS]
        command = (*dying_with_parent("KILL"), sys.executable, str(script), *sockets)
        found.append(Part("fork-server", command, rank=30))
    return tuple(found)


def dying_with_parent(signal: str) -> tuple[str, ...]:
    """On Linux the kernel signals the process when its parent dies, whatever it died of.

    Elsewhere the next start finds the leftovers (leftovers.py).
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return (setpriv, "--pdeathsig", signal, "--") if setpriv else ()


def supervisor_config(layout: Layout, parts: tuple[Part, ...]) -> str:
    """supervisord restarts what ends, keeps and rotates the logs, and ends each process with its group."""
    sections = [
        _section("unix_http_server", file=layout.supervisor_socket, chmod="0700"),
        _section(
            "supervisord",
            nodaemon="true",
            silent="true",
            logfile=layout.logs / "supervisor.log",
            logfile_maxbytes="1MB",
            logfile_backups=1,
            pidfile=layout.root / "supervisord.pid",
            childlogdir=layout.logs,
            directory=PROJECT,
        ),
        _section(
            "rpcinterface:supervisor",
            **{"supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"},
        ),
        _section("supervisorctl", serverurl=f"unix://{layout.supervisor_socket}"),
    ]
    sections += [_program(layout, part) for part in parts]
    for rank in sorted({part.rank for part in parts}):
        members = ",".join(part.name for part in parts if part.rank == rank)
        sections.append(_section(f"group:rank{rank}", programs=members, priority=rank))
    return "\n".join(sections)


def _program(layout: Layout, part: Part) -> str:
    return _section(
        f"program:{part.name}",
        command=shlex.join(part.command),
        autorestart="true",
        startsecs=STARTED_AFTER,
        startretries=3,
        stopsignal=part.stop_signal,
        stopwaitsecs=part.stop_seconds,
        stopasgroup="false",
        killasgroup="true",
        redirect_stderr="true",
        stdout_logfile=layout.logs / f"{part.name}.log",
        stdout_logfile_maxbytes="5MB",
        stdout_logfile_backups=1,
    )


def _section(title: str, **entries: str | int | Path) -> str:
    lines = [f"{name}={str(value).replace('%', '%%')}" for name, value in entries.items()]
    return "\n".join([f"[{title}]", *lines, ""])
