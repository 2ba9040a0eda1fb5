"""Makes the work pools and registers the deployments, and does nothing when nothing has changed."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from deployments.local.environment import own_prefect
from deployments.local.layout import Layout
from deployments.local.parts import POOLS, forks
from errors import Permanent
from settings import PROJECT, Settings, Stack

TEMPLATE = PROJECT / "deployments" / "pools" / "process.json"
REGISTERED = "local_stack_registered"
"""Name of the Prefect variable that says what was registered; a new database does not have it."""


class RegistrationFailed(Permanent):
    """`prefect deploy` refused prefect.yaml; its output is in the error."""


def run_command(stack: Stack, layout: Layout, pool: str) -> str:
    """What the worker executes for a run. Both skip the extra process that prepares a workspace."""
    if forks(stack):
        client = PROJECT / "deployments" / "process" / "client.py"
        return shlex.join([sys.executable, "-I", "-S", str(client), str(layout.fork_server_socket(pool))])
    return shlex.join([sys.executable, "-m", "prefect.engine"])


def pool_template(stack: Stack, layout: Layout, pool: str) -> dict[str, Any]:
    template: dict[str, Any] = json.loads(TEMPLATE.read_text())
    variables = template["variables"]["properties"]
    variables["command"]["default"] = run_command(stack, layout, pool)
    variables["working_dir"]["default"] = str(PROJECT)
    return template


def make_pools(client: httpx.Client, stack: Stack, layout: Layout) -> None:
    for pool in POOLS:
        template = pool_template(stack, layout, pool)
        made = client.post("/work_pools/", json={"name": pool, "type": "process", "base_job_template": template})
        if made.status_code == httpx.codes.CONFLICT:
            made = client.patch(f"/work_pools/{pool}", json={"base_job_template": template})
        made.raise_for_status()


def fingerprint(settings: Settings) -> str:
    """Of all that a registration depends on: prefect.yaml, the settings it names, the flows' signatures."""
    digest = hashlib.sha256(json.dumps(_named_settings(settings), sort_keys=True).encode())
    for path in [PROJECT / "prefect.yaml", *sorted((PROJECT / "flows").glob("*.py")), *_contracts()]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _contracts() -> list[Path]:
    return [PROJECT / "messenger" / "contract.py", PROJECT / "pipelines.py"]


def _named_settings(settings: Settings) -> dict[str, str]:
    """The values that prefect.yaml names as {{ $NAME }}."""
    return {
        "ORCHESTRATOR_CRON": settings.orchestrator.cron,
        "ORCHESTRATOR_TIMEZONE": settings.orchestrator.timezone,
    }


def register_deployments(client: httpx.Client, settings: Settings, api: str, layout: Layout) -> bool:
    """Returns whether anything was registered. Raises RegistrationFailed."""
    wanted = fingerprint(settings)
    known = client.get(f"/variables/name/{REGISTERED}")
    if known.status_code == httpx.codes.OK and known.json()["value"] == wanted and _all_there(client):
        return False
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=PROJECT,
        env={**own_prefect(layout, api), **_named_settings(settings)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RegistrationFailed(f"prefect deploy ended with {done.returncode}:{os.linesep}{done.stdout}{done.stderr}")
    if known.status_code == httpx.codes.OK:
        client.delete(f"/variables/name/{REGISTERED}").raise_for_status()
    client.post("/variables/", json={"name": REGISTERED, "value": wanted}).raise_for_status()
    return True


def _all_there(client: httpx.Client) -> bool:
    import yaml

    names = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    counted = client.post("/deployments/count", json={})
    return bool(counted.json() >= len(names))
