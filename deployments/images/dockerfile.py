"""Reads the Dockerfile: what each image takes of the project, and how it starts."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from settings import PROJECT

FILE = PROJECT / "Dockerfile"
PACKAGES = "-packages"
"""How the stages are named that install a lock."""


@dataclass(frozen=True, slots=True)
class Target:
    """An image: its lock, the files and folders it takes (source, destination), environment and command."""

    name: str
    lock: Path
    copied: Sequence[tuple[str, str]]
    environment: Mapping[str, str]
    entrypoint: Sequence[str]
    command: Sequence[str]


def read_targets(file: Path = FILE) -> Mapping[str, Target]:
    """The images by name. Only the forms that our Dockerfile uses are understood."""
    stages = dict(_stages(file.read_text()))
    shared = _environment(stages["runtime"])
    return {name: _target(name, lines, shared) for name, lines in stages.items() if f"{name}{PACKAGES}" in stages}


def _stages(text: str) -> Sequence[tuple[str, Sequence[str]]]:
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.M))
    found: list[tuple[str, list[str]]] = []
    for line in filter(None, joined.splitlines()):
        if start := re.match(r"FROM (\S+) AS (\S+)", line):
            found.append((start[2], []))
        elif found:
            found[-1][1].append(line)
    return found


def _target(name: str, lines: Sequence[str], shared: Mapping[str, str]) -> Target:
    copied: list[tuple[str, str]] = []
    for line in _of("COPY", lines):
        if not line.startswith("--from"):
            *sources, destination = line.split()
            copied += [(source, destination) for source in sources]
    return Target(
        name=name,
        lock=PROJECT / "requirements" / f"{name}.txt",
        copied=copied,
        environment={**shared, **_environment(lines)},
        entrypoint=_words("ENTRYPOINT", lines),
        command=_words("CMD", lines),
    )


def _of(instruction: str, lines: Sequence[str]) -> Sequence[str]:
    return [line.removeprefix(instruction).strip() for line in lines if line.startswith(f"{instruction} ")]


def _words(instruction: str, lines: Sequence[str]) -> Sequence[str]:
    return [word for line in _of(instruction, lines) for word in json.loads(line)]


def _environment(lines: Sequence[str]) -> Mapping[str, str]:
    pairs = (pair.partition("=") for line in _of("ENV", lines) for pair in line.split())
    return {name: value for name, _, value in pairs}
