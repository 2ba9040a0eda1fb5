"""prefect.yaml, read for one environment: its deployments with the settings' values in the place of {{ $NAME }}."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from errors import Permanent
from settings import PROJECT, Settings

PREFECT_FILE = PROJECT / "prefect.yaml"
PLACEHOLDER = re.compile(r"{{\s*\$(\w+)\s*}}")


class UnknownSetting(Permanent):
    """prefect.yaml names a setting that settings.py does not have, or one that is a secret."""


def named_settings(settings: Settings) -> dict[str, str]:
    """Every setting by the name that it has in the environment; secrets are left out."""
    return {
        f"{group}_{name}".upper(): str(value)
        for group, model in settings
        for name, value in model
        if not isinstance(value, SecretStr)
    }


def read_deployments(settings: Settings, pools: Collection[str], path: Path = PREFECT_FILE) -> list[dict[str, Any]]:
    """The deployments on one of these pools, each with a `pull` of its own. Raises UnknownSetting."""
    content = yaml.safe_load(path.read_text())
    values = named_settings(settings)
    default_pull = content.get("pull", [])
    return [
        _rendered({"pull": default_pull, **deployment}, values)
        for deployment in content["deployments"]
        if deployment["work_pool"]["name"] in pools
    ]


def flow_of(deployment: dict[str, Any]) -> str:
    """A flow has the name of its function: flows/features.py:features. That is a rule of this project."""
    return str(deployment["entrypoint"]).rpartition(":")[2].replace("_", "-")


def full_name(deployment: dict[str, Any]) -> str:
    """`flow/deployment`, as Prefect's command line takes it."""
    return f"{flow_of(deployment)}/{deployment['name']}"


def _rendered(part: Any, values: dict[str, str]) -> Any:
    if isinstance(part, dict):
        return {key: _rendered(value, values) for key, value in part.items()}
    if isinstance(part, list):
        return [_rendered(value, values) for value in part]
    return PLACEHOLDER.sub(lambda found: _value(found[1], values), part) if isinstance(part, str) else part


def _value(name: str, values: dict[str, str]) -> str:
    if name not in values:
        raise UnknownSetting(f"prefect.yaml names {name}, which is no setting (.env.example lists them all)")
    return values[name]
