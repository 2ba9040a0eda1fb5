"""The difference between an environment and what Prefect knows of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from deployments.registration.pools import Pool
from deployments.registration.prefect_file import full_name


@dataclass(frozen=True, slots=True)
class Change:
    """`details` say what differs; nothing when it is made, the same or removed."""

    kind: Literal["make", "change", "same", "remove"]
    what: str
    details: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        return [f"{self.kind:<7} {self.what}", *(f"          {detail}" for detail in self.details)]


def pool_change(client: httpx.Client, pool: Pool) -> Change:
    known = _read(client, f"/work_pools/{pool.name}")
    return _change(f"work pool {pool.name}", {"type": pool.type, **pool.wanted()}, known)


def deployment_change(client: httpx.Client, deployment: Mapping[str, Any]) -> Change:
    name = full_name(dict(deployment))
    known = _read(client, f"/deployments/name/{name}")
    return _change(f"deployment {name}", _as_known(deployment), known and _comparable(known))


def removals(client: httpx.Client, pools: Sequence[Pool], deployments: Sequence[dict[str, Any]]) -> list[Change]:
    """What of an environment is there to be removed: deployments first, since they need their pools."""
    paths = [(f"deployment {full_name(one)}", f"/deployments/name/{full_name(one)}") for one in deployments]
    paths += [(f"work pool {pool.name}", f"/work_pools/{pool.name}") for pool in pools]
    return [Change("remove", what) for what, path in paths if _read(client, path) is not None]


def _change(what: str, wanted: Mapping[str, Any], known: Mapping[str, Any] | None) -> Change:
    if known is None:
        return Change("make", what)
    details = tuple(_differences(wanted, {name: known.get(name) for name in wanted}))
    return Change("change" if details else "same", what, details)


def _read(client: httpx.Client, path: str) -> dict[str, Any] | None:
    answer = client.get(path)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return None
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def _as_known(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of prefect.yaml under the names of Prefect's API."""
    schedules = [
        {name: schedule.get(name) for name in ("cron", "timezone", "slug", "active")}
        for schedule in deployment.get("schedules", [])
    ]
    return {
        "entrypoint": deployment["entrypoint"],
        "description": deployment.get("description"),
        "tags": sorted(deployment.get("tags", [])),
        "parameters": deployment.get("parameters", {}),
        "pull_steps": deployment.get("pull", []),
        "work_pool_name": deployment["work_pool"]["name"],
        "job_variables": deployment["work_pool"].get("job_variables") or {},
        "schedules": schedules,
    }


def _comparable(known: Mapping[str, Any]) -> dict[str, Any]:
    schedules = [
        {
            "cron": one["schedule"].get("cron"),
            "timezone": one["schedule"].get("timezone"),
            "slug": one.get("slug"),
            "active": one["active"],
        }
        for one in known["schedules"]
    ]
    return {**known, "schedules": schedules, "pull_steps": known["pull_steps"] or [], "tags": sorted(known["tags"])}


def _differences(wanted: Any, known: Any, path: str = "") -> Iterator[str]:
    """One line for each value that differs, by its path."""
    if isinstance(wanted, Mapping) and isinstance(known, Mapping):
        for name in sorted({*wanted, *known}):
            yield from _differences(wanted.get(name), known.get(name), f"{path}.{name}" if path else name)
    elif wanted != known:
        yield f"{path}: {_shown(known)} -> {_shown(wanted)}"


def _shown(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
