"""Brings an environment to its Prefect server, or takes it away. Doing it twice changes nothing."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from deployments.cloud.plan import Change, deployment_change, pool_change, removals
from deployments.cloud.pools import pools_of
from deployments.registration.automations import are_registered, register_automations, remove_automations
from deployments.registration.deploy import register_deployments
from deployments.registration.environment import without_prefect
from deployments.registration.pools import Pool, make_pools
from deployments.registration.prefect_file import full_name, read_deployments
from errors import Permanent, Retryable
from settings import Prefect, Settings

REGISTERED = "environment_registered"
WITHIN = 60.0
UNDER_WAY = ["SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED"]
Say = Callable[[str], object]


class PrefectUnreachable(Retryable):
    """The environment's Prefect server does not answer, or does not let us in."""


class UnderWay(Permanent):
    """Runs are under way; without its pools they would never end."""


@dataclass(frozen=True, slots=True)
class Wanted:
    pools: Sequence[Pool]
    deployments: Sequence[dict[str, Any]]


def wanted_of(settings: Settings) -> Wanted:
    pools = pools_of(settings)
    return Wanted(pools, read_deployments(settings, [pool.name for pool in pools]))


def deploy(settings: Settings, say: Say, *, dry_run: bool) -> None:
    """Says each change; makes them unless it is a dry run. Raises RegistrationFailed, PrefectUnreachable."""
    wanted = wanted_of(settings)
    with _reached(settings.prefect) as client:
        pools = [(pool, pool_change(client, pool)) for pool in wanted.pools]
        deployments = [deployment_change(client, deployment) for deployment in wanted.deployments]
        told = Change("same" if are_registered(client, settings) else "change", "automations")
        _tell([*(change for _, change in pools), *deployments, told], say)
        if dry_run:
            return
        make_pools(client, [pool for pool, change in pools if change.kind != "same"])
        if any(change.kind != "same" for change in deployments):
            client.delete(f"/variables/name/{REGISTERED}")
        register_deployments(client, wanted.deployments, _environment(settings.prefect), REGISTERED)
        register_automations(client, settings)


def undeploy(settings: Settings, say: Say, *, dry_run: bool, force: bool) -> None:
    """Removes deployments, pools and automations; what ran stays in Prefect's history.

    Raises UnderWay unless it is forced.
    """
    wanted = wanted_of(settings)
    with _reached(settings.prefect) as client:
        found = removals(client, wanted.pools, wanted.deployments)
        _tell(found, say)
        if dry_run:
            return
        if not force and (count := _under_way(client, wanted)):
            raise UnderWay(f"{count} flow runs are under way or waiting; let them end, or use FORCE=1")
        for deployment in wanted.deployments:
            known = client.get(f"/deployments/name/{full_name(deployment)}")
            if known.is_success:
                client.delete(f"/deployments/{known.json()['id']}").raise_for_status()
        for pool in wanted.pools:
            _removed(client.delete(f"/work_pools/{pool.name}"))
        remove_automations(client, settings)
        _removed(client.delete(f"/variables/name/{REGISTERED}"))


def _removed(answer: httpx.Response) -> None:
    if answer.status_code != httpx.codes.NOT_FOUND:
        answer.raise_for_status()


def _under_way(client: httpx.Client, wanted: Wanted) -> int:
    """Of runs that a schedule has only planned, none counts: they go with their deployment."""
    asked = {
        "work_pools": {"name": {"any_": [pool.name for pool in wanted.pools]}},
        "flow_runs": {"state": {"type": {"any_": UNDER_WAY}}, "tags": None},
    }
    runs = client.post("/flow_runs/filter", json=asked).raise_for_status().json()
    return sum(not (run["state_type"] == "SCHEDULED" and run["auto_scheduled"]) for run in runs)


def _tell(changes: Sequence[Change], say: Say) -> None:
    for change in changes:
        for line in change.lines():
            say(line)


def _environment(prefect: Prefect) -> dict[str, str]:
    """Of `prefect deploy`: this server and no other."""
    given = {
        "PREFECT_API_URL": prefect.api_url,
        "PREFECT_API_KEY": prefect.api_key.get_secret_value(),
        "PREFECT_API_AUTH_STRING": prefect.api_auth_string.get_secret_value(),
        "DO_NOT_TRACK": "1",
    }
    return without_prefect() | {name: value for name, value in given.items() if value}


@contextmanager
def _reached(prefect: Prefect) -> Iterator[httpx.Client]:
    url = prefect.api_url.rstrip("/")
    try:
        with httpx.Client(base_url=url, headers=prefect.authorization(), timeout=WITHIN) as client:
            client.get("/health").raise_for_status()
            yield client
    except httpx.HTTPStatusError as refused:
        told = refused.response.text[:400]
        raise PrefectUnreachable(f"Prefect at {url} answered {refused.response.status_code}: {told}") from None
    except httpx.HTTPError as error:
        raise PrefectUnreachable(f"Prefect at {url} cannot be reached: {type(error).__name__}") from None
