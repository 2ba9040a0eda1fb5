"""The stack's process file: who supervises, which ports, which addresses. Replaced atomically."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from settings import Settings

SAME_START = 3.0
"""Seconds by which a process's start may seem to shift when the machine's clock is set."""


class Process(BaseModel):
    """A process that cannot be mistaken for a later one with the same number."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "Process":
        return cls(pid=pid, started=psutil.Process(pid).create_time())

    def find(self) -> psutil.Process | None:
        """The process while it lives."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < SAME_START
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


class Record(BaseModel):
    """What stands in stack.json. `owner` is the `make run` that ends the stack when it is done, if any."""

    model_config = ConfigDict(frozen=True)

    supervisor: Process
    owner: Process | None
    ready: bool
    prefect_ui: str
    prefect_api: str
    invoker: str
    logs: Path
    settings: dict[str, str]
    parts: dict[str, int] = {}

    def write(self, path: Path) -> None:
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(self.model_dump_json(indent=2) + "\n")
        draft.replace(path)


def read_record(path: Path) -> Record | None:
    """The record of a stack whose supervisor lives; None when there is none."""
    try:
        record = Record.model_validate_json(path.read_text())
    except (FileNotFoundError, ValidationError):
        return None
    return record if record.supervisor.find() else None


def marks_of(settings: Settings) -> dict[str, str]:
    """For each setting a mark of its value that does not tell the value, which may be a password.

    A caller's own Prefect settings are not the stack's, which has a Prefect of its own (environment.py).
    """
    groups: Mapping[str, Mapping[str, object]] = settings.model_dump(exclude={"prefect"})
    return {
        f"{group}_{name}".upper(): hashlib.sha256(_plain(value).encode()).hexdigest()[:12]
        for group, values in groups.items()
        for name, value in values.items()
    }


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def changed_settings(record: Record, settings: Settings) -> list[str]:
    """The settings whose values are not those that the running stack was started with."""
    now = marks_of(settings)
    return sorted(name for name in now.keys() | record.settings.keys() if now.get(name) != record.settings.get(name))
