"""Checks an environment without reaching for it: everything that is wrong, in one list."""

import copy
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from deployments.cloud.complete import missing_or_wrong, of_this_machine
from deployments.cloud.discovery import wrong_in
from deployments.cloud.limits import beyond_limits
from deployments.cloud.pools import inherited_settings, pools_of
from deployments.cloud.render import render
from deployments.registration.pools import Pool
from deployments.registration.prefect_file import full_name, read_deployments
from settings import Settings

SAMPLES = {
    "project": "some-project",
    "region": "europe-west1",
    "image": "europe-west1-docker.pkg.dev/some-project/some/image:1",
    "service_account_name": "somebody@some-project.iam.gserviceaccount.com",
}
"""Stand in for what an environment lacks, which is told by its own name, so that the rest is checked all the same."""


def findings(settings: Settings) -> list[str]:
    """Each as one line that says where it is and what to do; none when all is well."""
    found = missing_or_wrong(settings)
    pools = {pool.name: _completed(pool) for pool in pools_of(settings)}
    for deployment in read_deployments(settings, pools):
        pool = pools[deployment["work_pool"]["name"]]
        found += [f"{full_name(deployment)}: {wrong}" for wrong in _wrong_with(deployment, pool, settings)]
    return list(dict.fromkeys(found))


def _wrong_with(deployment: Mapping[str, Any], pool: Pool, settings: Settings) -> Iterator[str]:
    refused = [*_refused_variables(deployment, pool)]
    yield from refused
    if refused or pool.type == "process":
        return
    try:
        job = render(deployment, pool)
    except ValueError as error:
        yield f"the worker would refuse it: {error}"
        return
    yield from wrong_in(job.platform, job.body)
    yield from beyond_limits(job, settings.orchestrator.step_deadline)
    yield from of_this_machine(job, _not_given_by(pool))


def _completed(pool: Pool) -> Pool:
    template = copy.deepcopy(dict(pool.template))
    for name in template["variables"].get("required", []):
        template["variables"]["properties"][name].setdefault("default", SAMPLES[name])
    return dataclasses.replace(pool, template=template)


def _not_given_by(pool: Pool) -> frozenset[str]:
    """Prefect's settings that the pool itself does not give the container."""
    given: Mapping[str, str | None] = pool.template["variables"]["properties"]["env"].get("default", {})
    return frozenset(name for name in inherited_settings() if given.get(name) is None)


def _refused_variables(deployment: Mapping[str, Any], pool: Pool) -> Iterator[str]:
    """As Prefect's server checks the variables of a run, with the pool's defaults filled in."""
    schema = pool.template["variables"]
    defaults = {name: one["default"] for name, one in schema["properties"].items() if "default" in one}
    values = {**defaults, **(deployment["work_pool"].get("job_variables") or {})}
    for error in Draft202012Validator({**schema, "additionalProperties": False}).iter_errors(values):
        yield f"{'.'.join(map(str, error.absolute_path)) or 'job variables'}: {error.message}"
