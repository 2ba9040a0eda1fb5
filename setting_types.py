"""What a setting can be: its types, and what is said of a value that is none."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl, SecretStr, TypeAdapter

PROJECT = Path(__file__).resolve().parent
LONGEST_LEASE = 600
"""Seconds; Pub/Sub's bound, and the messengers' LONGEST_DELAY."""
REJECTIONS = (
    "missing_customer",
    "no_positive_order",
    "missing_recency",
    "missing_frequency",
    "missing_monetary",
    "recency_out_of_window",
    "frequency_not_positive",
)
"""Why a feature row is not scored: rfm.quarantine.REASONS, named here without loading the model's packages."""


PLATFORMS = ("process", "cloud-run", "vertex-ai")
"""What a step can run on; its deployments in prefect.yaml bear these names."""
Platform = Literal["process", "cloud-run", "vertex-ai"]
CatchUp = Literal["all", "latest", "none"]
"""Which of the schedules that were missed are run after all."""


def _in_project(path: Path) -> Path:
    """A relative path is meant from the project's folder, whatever folder the program was started in."""
    return path if path.is_absolute() else PROJECT / path


def _known_timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no time zone; one of the IANA names is needed, such as Australia/Sydney")
    return name


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _url(value: str) -> str:
    TypeAdapter(HttpUrl).validate_python(value)
    return value


def _postgres_url(value: SecretStr) -> SecretStr:
    if value.get_secret_value() and not value.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("this is no postgresql:// URL")
    return value


def _listed(value: str) -> str:
    return ",".join(part.strip() for part in value.split(",") if part.strip())


def _known_rejections(value: str) -> str:
    unknown = [name for name in _listed(value).split(",") if name and name not in REJECTIONS]
    if unknown:
        raise ValueError(f"no reason of a rejection: {', '.join(unknown)}; known: {', '.join(REJECTIONS)}")
    return _listed(value)


def _platforms_by_step(value: str) -> str:
    for entry in _listed(value).split(","):
        step, _, platform = entry.partition("=")
        if entry and (step.count("/") != 1 or platform not in PLATFORMS):
            raise ValueError(f"{entry!r} is not <pipeline>/<step>=<platform>; platforms: {', '.join(PLATFORMS)}")
    return _listed(value)


ProjectPath = Annotated[Path, AfterValidator(_in_project)]
Timezone = Annotated[str, AfterValidator(_known_timezone)]
Seconds = Annotated[float, Field(gt=0)]
Days = Annotated[float, Field(gt=0)]
Port = Annotated[int, Field(ge=0, le=65535)]
Names = Annotated[str, AfterValidator(_listed)]
Rejections = Annotated[str, AfterValidator(_known_rejections)]
Share = Annotated[float, Field(ge=0, le=1)]
Url = Annotated[str, AfterValidator(_url)]
PostgresUrl = Annotated[SecretStr, AfterValidator(_postgres_url)]
PlatformsByStep = Annotated[str, AfterValidator(_platforms_by_step)]


class Group(BaseModel):
    """Settings whose names begin with the same word. A name that is none of them is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)


class OpenGroup(Group):
    """The same, where other programs have variables that begin with this word."""

    model_config = ConfigDict(extra="ignore")
