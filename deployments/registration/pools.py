"""A work pool as it shall be, and how it is brought to Prefect."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from settings import PROJECT

TEMPLATES = PROJECT / "deployments" / "pools"


@dataclass(frozen=True, slots=True)
class Pool:
    """`type` is Prefect's name of the kind of worker; `template` its base job template, defaults filled in.

    `concurrency_limit`: so many runs at once on this pool, None for as many as come.
    """

    name: str
    type: str
    template: Mapping[str, Any]
    concurrency_limit: int | None = None

    def wanted(self) -> dict[str, Any]:
        """What Prefect is to know of it, under the names of Prefect's API."""
        return {"base_job_template": dict(self.template), "concurrency_limit": self.concurrency_limit}


def filled_template(kind: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The template deployments/pools/<kind>.json with these defaults of its variables.

    Raises KeyError for a variable that the template does not have.
    """
    template: dict[str, Any] = json.loads(_path(kind).read_text())
    for name, default in defaults.items():
        template["variables"]["properties"][name]["default"] = default
    return template


def _path(kind: str) -> Path:
    return TEMPLATES / f"{kind}.json"


def make_pools(client: httpx.Client, pools: Iterable[Pool]) -> None:
    """Makes the pools, or brings those that are there to what they shall be. Raises httpx.HTTPError."""
    for pool in pools:
        made = client.post("/work_pools/", json={"name": pool.name, "type": pool.type, **pool.wanted()})
        if made.status_code == httpx.codes.CONFLICT:
            made = client.patch(f"/work_pools/{pool.name}", json=pool.wanted())
        made.raise_for_status()
