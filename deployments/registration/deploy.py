"""Registers deployments with Prefect's own `prefect deploy`, and leaves it out while nothing has changed."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from deployments.registration.prefect_file import full_name
from errors import Permanent
from settings import PROJECT

SIGNATURES = ("flows/*.py", "messenger/contract.py", "pipelines.py")
"""The files that decide which parameters a deployment takes."""


class RegistrationFailed(Permanent):
    """`prefect deploy` refused a deployment; its output is in the error."""


def fingerprint(deployments: Sequence[Mapping[str, Any]]) -> str:
    """Of all that a registration depends on: the deployments, and the signatures of their flows."""
    digest = hashlib.sha256(json.dumps(deployments, sort_keys=True).encode())
    for pattern in SIGNATURES:
        for path in sorted(PROJECT.glob(pattern)):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def register_deployments(
    client: httpx.Client, deployments: Sequence[dict[str, Any]], environment: Mapping[str, str], variable: str
) -> bool:
    """Returns whether anything had to be registered.

    `environment` is that of the command; `variable` names the Prefect variable that says what was registered
    last: a new database does not have it. Raises RegistrationFailed, httpx.HTTPError.
    """
    wanted = fingerprint(deployments)
    known = client.get(f"/variables/name/{variable}")
    if known.status_code == httpx.codes.OK and known.json()["value"] == wanted and _all_there(client, deployments):
        return False
    _prefect_deploy(deployments, environment)
    if known.status_code == httpx.codes.OK:
        client.delete(f"/variables/name/{variable}").raise_for_status()
    client.post("/variables/", json={"name": variable, "value": wanted}).raise_for_status()
    return True


def _all_there(client: httpx.Client, deployments: Sequence[dict[str, Any]]) -> bool:
    names = [full_name(deployment) for deployment in deployments]
    return all(client.get(f"/deployments/name/{name}").status_code == httpx.codes.OK for name in names)


def _prefect_deploy(deployments: Sequence[Mapping[str, Any]], environment: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "prefect.yaml"
        file.write_text(yaml.safe_dump({"pull": [], "deployments": list(deployments)}))
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", str(file)],
            cwd=PROJECT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        raise RegistrationFailed(f"prefect deploy ended with {done.returncode}:\n{done.stdout}{done.stderr}")
