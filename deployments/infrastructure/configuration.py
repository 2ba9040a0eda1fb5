"""Reads a folder of Terraform files into blocks, and the variables of its environments."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2
from hcl2.utils import SerializationOptions

from settings import PROJECT

FOLDER = PROJECT / "deployments" / "terraform"
PLAIN = SerializationOptions(with_comments=False, explicit_blocks=False, strip_string_quotes=True)
LABELS = {"resource": 2, "data": 2, "ephemeral": 2, "provider": 1, "variable": 1, "output": 1}
"""How many labels stand before the body of a block; none where it is not named here."""


@dataclass(frozen=True, slots=True)
class Block:
    """`resource "google_pubsub_topic" "of"` has the kind `resource` and these two labels."""

    kind: str
    labels: tuple[str, ...]
    body: Mapping[str, Any]
    file: str

    @property
    def name(self) -> str:
        return " ".join([self.kind, *self.labels])

    @property
    def address(self) -> str:
        """By which expressions refer to it."""
        prefix = {"variable": "var.", "data": "data.", "ephemeral": "ephemeral."}.get(self.kind, "")
        return prefix + ".".join(self.labels)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The blocks of all files; each local value is a block of its own, of the kind `local`."""

    blocks: Sequence[Block]
    environments: Mapping[str, Mapping[str, Any]]

    def of(self, *kinds: str) -> Sequence[Block]:
        return [block for block in self.blocks if block.kind in kinds]


def read(folder: Path = FOLDER) -> Configuration:
    """Raises lark's UnexpectedInput, which names line and column, when a file is no HCL."""
    return Configuration(
        blocks=[block for file in sorted(folder.glob("*.tf")) for block in _blocks(file)],
        environments={file.stem: _load(file) for file in sorted((folder / "environments").glob("*.tfvars"))},
    )


def _load(file: Path) -> dict[str, Any]:
    with file.open() as opened:
        return hcl2.load(opened, serialization_options=PLAIN)


def _blocks(file: Path) -> Iterator[Block]:
    for kind, found in _load(file).items():
        for body in found:
            if kind == "locals":
                for name, value in body.items():
                    yield Block("local", ("local", name), {"value": value}, file.name)
            else:
                yield _labelled(kind, body, file.name)


def _labelled(kind: str, body: Mapping[str, Any], file: str) -> Block:
    labels: list[str] = []
    for _ in range(LABELS.get(kind, 0)):
        ((label, body),) = body.items()
        labels.append(label.strip('"'))
    return Block(kind, tuple(labels), body, file)


def texts(value: Any) -> Iterator[str]:
    """Every key and value in a body, as written."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield str(key)
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    else:
        yield str(value)


def without_literals(expression: str) -> str:
    """An expression without the texts in it, but with what is interpolated into them."""
    return re.sub(r'"((?:[^"\\$]|\\.|\$(?!\{))*)"', '""', expression)
