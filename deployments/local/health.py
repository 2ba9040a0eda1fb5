"""When the stack counts as ready, part by part."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import httpx

from deployments.local.layout import Layout
from deployments.local.parts import POOLS, forks
from deployments.local.record import Record
from deployments.local.supervise import part_states
from errors import Permanent
from settings import Stack

START_WAIT = 120.0
"""Seconds until everything must be healthy. A first start on a busy machine takes 40."""
ASK_AGAIN = 0.1


class StackFailed(Permanent):
    """The stack is not running; says which part and where its log is."""


class Passes(Protocol):
    def __call__(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must be true before the stack is ready."""

    part: str
    passes: Passes


def server_checks(record: Record) -> list[Check]:
    return [Check("prefect-server", partial(_answers, f"{record.prefect_api}/health"))]


def other_checks(stack: Stack, layout: Layout, record: Record) -> list[Check]:
    since = record.supervisor.started
    checks = [Check("workers", partial(_worker_polls, record.prefect_api, pool, since)) for pool in POOLS]
    checks.append(Check("invoker", partial(_answers, f"{record.invoker}/healthcheck")))
    if forks(stack):
        checks += [Check("fork-server", layout.fork_server_socket(pool).exists) for pool in POOLS]
    return checks


def wait_for(checks: Sequence[Check], layout: Layout, record: Record) -> None:
    """Raises StackFailed as soon as a part has given up, or after START_WAIT."""
    deadline = time.monotonic() + START_WAIT
    while checks := [check for check in checks if not check.passes()]:
        if record.supervisor.find() is None:
            raise StackFailed(f"the supervisor has ended; see {layout.logs / 'supervisor.log'}")
        if failed := given_up(layout):
            raise StackFailed(f"{failed[0]} does not start; see {layout.logs / failed[0]}.log")
        if time.monotonic() > deadline:
            part = checks[0].part
            raise StackFailed(f"{part} was not ready within {START_WAIT:.0f} s; see {layout.logs / part}.log")
        time.sleep(ASK_AGAIN)


def given_up(layout: Layout) -> list[str]:
    """The parts that the supervisor no longer restarts."""
    return [state["name"] for state in part_states(layout) if state["statename"] == "FATAL"]


def _answers(address: str) -> bool:
    try:
        return httpx.get(address, timeout=2).is_success
    except httpx.TransportError:
        return False


def _worker_polls(api: str, pool: str, since: float) -> bool:
    """Whether the pool's worker has told the server that it lives since the stack was started."""
    try:
        answer = httpx.post(f"{api}/work_pools/{pool}/workers/filter", json={}, timeout=10)
    except httpx.TransportError:
        return False
    workers: list[dict[str, Any]] = answer.json() if answer.is_success else []
    return any(datetime.fromisoformat(worker["last_heartbeat_time"]).timestamp() >= since for worker in workers)
