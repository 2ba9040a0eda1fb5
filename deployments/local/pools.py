"""The work pools and deployments of the local stack: process pools, whose runs start in the project's folder."""

import sys
from typing import Any

import httpx

from deployments.local.environment import own_prefect
from deployments.local.flow_log import writing_to
from deployments.local.layout import Layout
from deployments.local.parts import POOLS, forks
from deployments.registration import deploy, pools
from deployments.registration.pools import Pool, filled_template
from deployments.registration.prefect_file import read_deployments
from settings import PROJECT, Settings, Stack

REGISTERED = "local_stack_registered"


def run_command(stack: Stack, layout: Layout, pool: str) -> str:
    """What the worker executes for a run. Both skip the extra process that prepares a workspace."""
    command = [sys.executable, "-m", "prefect.engine"]
    if forks(stack):
        client = PROJECT / "deployments" / "process" / "client.py"
        command = [sys.executable, "-I", "-S", str(client), str(layout.fork_server_socket(pool))]
    return writing_to(layout.flow_log, command)


def pool_template(stack: Stack, layout: Layout, pool: str) -> dict[str, Any]:
    return filled_template("process", {"command": run_command(stack, layout, pool), "working_dir": str(PROJECT)})


def make_pools(client: httpx.Client, stack: Stack, layout: Layout) -> None:
    pools.make_pools(client, [Pool(name, "process", pool_template(stack, layout, name)) for name in POOLS])


def register_deployments(client: httpx.Client, settings: Settings, api: str, layout: Layout) -> bool:
    """Returns whether anything was registered. Raises RegistrationFailed."""
    wanted = read_deployments(settings, POOLS)
    return deploy.register_deployments(client, wanted, own_prefect(layout, api), REGISTERED)
