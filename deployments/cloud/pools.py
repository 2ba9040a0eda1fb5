"""The work pools of an environment on Google Cloud: the Orchestrator's processes beside their worker, and for each
step one pool on Cloud Run and one on Vertex AI. A pool without runs costs nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from deployments.registration.environment import HEARTBEAT
from deployments.registration.pools import Pool, filled_template
from settings import Settings

GRACE = 60
"""Seconds that a platform gives a step beyond the time after which nobody waits for it any more."""
ENGINE = "python3 -m prefect.engine"
FROM_SECRET = "_FROM_SECRET"  # noqa: S105
"""Ending of a variable that names a secret; workload.container puts its value in the place of it."""
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Role:
    """An image, what it runs as, and the groups of the settings that its code reads."""

    name: str
    image: str
    account: str
    needs: tuple[str, ...]


ORCHESTRATOR_NEEDS = (
    *("orchestrator", "backfill", "health", "housekeeping", "alerts"),
    *("messenger", "runs", "warehouse", "published", "source", "model", "invoker", "steps"),
)


def roles_of(settings: Settings) -> tuple[Role, ...]:
    deploy = settings.deploy
    common = ("messenger", "warehouse", "model", "orchestrator")
    return (
        Role("sql-runner", deploy.sql_runner_image, deploy.sql_runner_account, (*common, "source", "dbt")),
        Role("python-app", deploy.rfm_image, deploy.rfm_account, (*common, "published", "report", "alerts")),
    )


def pools_of(settings: Settings) -> list[Pool]:
    pools = [_orchestrator(settings)]
    for role in roles_of(settings):
        pools += [_cloud_run(role, settings), _vertex_ai(role, settings)]
    return pools


def container_settings(settings: Settings, needs: tuple[str, ...]) -> dict[str, str]:
    """What the environment sets of these groups, under the names that settings.py reads. Secrets are left out."""
    return {
        f"{group}_{name}".upper(): str(value)
        for group in needs
        for name, value in getattr(settings, group)
        if name in getattr(settings, group).model_fields_set and not isinstance(value, SecretStr)
    }


def inherited_settings() -> list[str]:
    """Every setting that Prefect has: a worker hands each one that it was given itself to what it starts."""
    from prefect.settings import Settings as PrefectSettings
    from prefect.settings.legacy import _get_settings_fields

    names = _get_settings_fields(PrefectSettings)
    return sorted({f"PREFECT_{name.replace('.', '_').upper()}" for name in names if name.islower()})


def container_environment(settings: Settings, needs: tuple[str, ...]) -> dict[str, str | None]:
    """The variables of a container; null keeps a setting of the worker out (docs/adr/0024-container-environment.md)."""
    return {
        **dict.fromkeys(inherited_settings()),
        **HEARTBEAT,
        **container_settings(settings, needs),
        "PREFECT_API_URL": settings.prefect.api_url,
    }


def secrets_of(settings: Settings) -> Mapping[str, tuple[str, str]]:
    """Secret and version by the variable that it is for."""
    entries = [entry.partition("=") for entry in settings.deploy.secrets.split(",") if entry]
    return {name: (secret.partition(":")[0], secret.partition(":")[2] or "latest") for name, _, secret in entries}


def _orchestrator(settings: Settings) -> Pool:
    """Secrets are in the worker's own environment, which a process inherits."""
    defaults = {
        "command": ENGINE,
        "working_dir": settings.deploy.code,
        "env": {**HEARTBEAT, **container_settings(settings, ORCHESTRATOR_NEEDS)},
    }
    return Pool("orchestrator", "process", filled_template("process", defaults))


def _cloud_run(role: Role, settings: Settings) -> Pool:
    secrets = {name: {"secret": secret, "version": version} for name, (secret, version) in secrets_of(settings).items()}
    defaults = _given(
        **_common(role, settings),
        env=container_environment(settings, role.needs),
        env_from_secrets=secrets,
        timeout=math.ceil(settings.orchestrator.step_deadline) + GRACE,
        vpc_connector_name=settings.deploy.vpc_connector,
    )
    template = filled_template("cloud-run-v2", defaults)
    return Pool(f"{role.name}-cloud-run", "cloud-run-v2", template, settings.deploy.runs_at_once)


def _vertex_ai(role: Role, settings: Settings) -> Pool:
    project = settings.deploy.project
    references = {
        f"{name}{FROM_SECRET}": f"projects/{project}/secrets/{secret}/versions/{version}"
        for name, (secret, version) in secrets_of(settings).items()
    }
    defaults = _given(
        **_common(role, settings),
        env={**container_environment(settings, role.needs), **references},
        maximum_run_time_hours=math.ceil((settings.orchestrator.step_deadline + GRACE) / HOUR),
        network=settings.deploy.network,
    )
    template = filled_template("vertex-ai", defaults)
    return Pool(f"{role.name}-vertex-ai", "vertex-ai", template, settings.deploy.runs_at_once)


def _common(role: Role, settings: Settings) -> dict[str, str]:
    return {
        "project": settings.deploy.project,
        "region": settings.deploy.region,
        "image": role.image,
        "service_account_name": role.account,
    }


def _given(**defaults: Any) -> dict[str, Any]:
    """Without what the environment leaves empty: a default of "" would be sent to Google as such."""
    return {name: value for name, value in defaults.items() if value != ""}
