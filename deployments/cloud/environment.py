"""An environment's settings, from its file in deployments/environments/ and from nothing else of this machine."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from errors import Permanent
from settings import PROJECT, Settings

FOLDER = PROJECT / "deployments" / "environments"
OVERRIDES = re.compile("DEPLOY_|(PREFECT_API_(KEY|AUTH_STRING)|ALERTS_URLS)$")
"""What the environment of the command may add: CI says which image, and nobody writes a credential, or the addresses
of alerts, into a file."""


NOT_FOR_A_FILE = (
    "name it in DEPLOY_SECRETS for the steps, give it to the worker and to the command by their environment"
)


class WrongEnvironment(Permanent):
    """The environment's file is missing or wrong; the message lists everything that is."""


class FileSettings(Settings):
    """Settings of a file alone: neither .env nor this machine's environment is read."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def environment_file(name: str) -> Path:
    return FOLDER / f"{name}.env"


def read_environment(path: Path) -> Settings:
    """Raises WrongEnvironment."""
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.env")))
        raise WrongEnvironment(f"there is no {path}; environments: {known}")
    values = {name: value or "" for name, value in dotenv_values(path, interpolate=False).items()}
    in_file = set(values)
    values |= {name: value for name, value in os.environ.items() if OVERRIDES.match(name)}
    grouped: dict[str, dict[str, str]] = {}
    for name, value in values.items():
        group, _, field = name.lower().partition("_")
        grouped.setdefault(group, {})[field] = value
    unknown = [
        f"{group}_{field}".upper() for group, fields in grouped.items() for field in fields if _is_unknown(group, field)
    ]
    try:
        settings = FileSettings.model_validate(grouped)
    except ValidationError as wrong:
        told = [f"{'_'.join(map(str, error['loc'])).upper()}: {error['msg']}" for error in wrong.errors()]
        raise _wrong(
            path, sorted({*told, *(f"{name}: no such setting" for name in unknown if name not in str(told))})
        ) from None
    if unknown:
        raise _wrong(path, [f"{name}: no such setting" for name in sorted(unknown)])
    if secrets := sorted(in_file & set(_secrets(settings))):
        raise _wrong(path, [f"{name} is a secret, not for a file: {NOT_FOR_A_FILE}" for name in secrets])
    return settings


def _secrets(settings: Settings) -> Iterator[str]:
    """Names of the settings that are secrets; Prefect's credential is looked after by deployments/cloud/complete.py."""
    for group, model in settings:
        for name, value in model if group != "prefect" else ():
            if isinstance(value, SecretStr):
                yield f"{group}_{name}".upper()


def _is_unknown(group: str, field: str) -> bool:
    model = Settings.model_fields.get(group)
    return model is None or field not in type(model.default).model_fields


def _wrong(path: Path, lines: list[str]) -> WrongEnvironment:
    return WrongEnvironment(
        "\n".join([f"Wrong settings in {path.name} (.env.example lists them all):", *(f"  {line}" for line in lines)])
    )
