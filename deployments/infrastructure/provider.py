"""Resources have the arguments and blocks that Google's provider knows, with those that it requires.

What the provider knows is read from cdktf-cdktf-provider-google, HashiCorp's own rendering of the provider's schema
as Python classes. Nothing of it is imported: it would start Node.js.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from deployments.infrastructure.configuration import Block, Configuration, texts, without_literals

PACKAGE = "cdktf_cdktf_provider_google"
META = {"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"}
FOREIGN = ("random_", "terraform_")
"""Of other providers, with one argument or two."""
ATTRIBUTE = re.compile(r"(?<![\w.-])(data\.)?(google_\w+)\.[\w-]+(?:\[[^\]]*\])?\.(\w+)")


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a resource or block takes: its arguments, by name the class of a nested block, and what is required."""

    known: frozenset[str]
    blocks: Mapping[str, str]
    required: frozenset[str]


def problems(configuration: Configuration, bindings: Path) -> Sequence[str]:
    """`bindings`: the folder of the package."""
    resources = [block for block in configuration.of("resource", "data") if not block.labels[0].startswith(FOREIGN)]
    return [
        *(f"{block.file}: {block.name}: {problem}" for block in resources for problem in _of_block(block, bindings)),
        *(
            f"{block.file}: {block.name} reads {attribute} of a {kind}, which has none"
            for block in configuration.blocks
            for kind, attribute, known in _attributes(block, bindings)
            if attribute not in known
        ),
    ]


def _attributes(block: Block, bindings: Path) -> Iterator[tuple[str, str, frozenset[str]]]:
    for text in texts(block.body):
        for data, kind, attribute in ATTRIBUTE.findall(without_literals(text)):
            file = _file(bindings, "data" if data else "resource", kind)
            if file.exists():
                yield kind, attribute, _properties(file)


def _file(bindings: Path, kind: str, label: str) -> Path:
    return bindings / (f"data_{label}" if kind == "data" else label.removeprefix("google_")) / "__init__.py"


def _of_block(block: Block, bindings: Path) -> Iterator[str]:
    file = _file(bindings, block.kind, block.labels[0])
    if not file.exists():
        yield f"the provider has no {block.kind} {block.labels[0]}"
        return
    classes = _classes(file)
    (config,) = (name for name in classes if name.lower() == f"{file.parent.name}config".replace("_", ""))
    yield from _compare(block.body, config, classes, where="")


def _compare(body: Mapping[str, Any], name: str, classes: Mapping[str, Arguments], where: str) -> Iterator[str]:
    known = classes[name]
    given = {**body, **_dynamic(body)}
    given.pop("dynamic", None)
    for argument in given.keys() - known.known - META:
        yield f"{where}{argument} is not known to the provider"
    for argument in known.required - given.keys():
        yield f"{where}{argument} is required"
    for argument, value in given.items():
        if argument in known.blocks and argument not in META:
            for nested in value if isinstance(value, list) else [value]:
                if isinstance(nested, Mapping):
                    yield from _compare(nested, known.blocks[argument], classes, f"{where}{argument}.")


def _dynamic(body: Mapping[str, Any]) -> dict[str, list[Any]]:
    """`dynamic "env" { content {…} }` is a block env."""
    found: dict[str, list[Any]] = {}
    for dynamic in body.get("dynamic", []):
        for label, inner in dynamic.items():
            found.setdefault(label.strip('"'), []).extend(inner["content"])
    return found


@lru_cache
def _classes(file: Path) -> Mapping[str, Arguments]:
    tree = ast.parse(file.read_text())
    named = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return {
        name: _arguments(function, named.keys())
        for name, node in named.items()
        for function in node.body
        if isinstance(function, ast.FunctionDef) and function.name == "__init__"
    }


@lru_cache
def _properties(file: Path) -> frozenset[str]:
    """What can be read of a resource: the properties of all of the module's classes, its own among them."""
    tree = ast.parse(file.read_text())
    functions = (part for node in tree.body if isinstance(node, ast.ClassDef) for part in node.body)
    return frozenset(
        part.name
        for part in functions
        if isinstance(part, ast.FunctionDef) and "property" in map(_word, part.decorator_list)
    )


def _word(decorator: ast.expr) -> str:
    return ast.unparse(decorator).removeprefix("builtins.")


def _arguments(function: ast.FunctionDef, classes: Collection[str]) -> Arguments:
    known: set[str] = set()
    required: set[str] = set()
    blocks: dict[str, str] = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        name = argument.arg.rstrip("_")
        known.add(name)
        if default is None:
            required.add(name)
        for part in ast.walk(argument.annotation) if argument.annotation else ():
            mentioned = (
                part.id if isinstance(part, ast.Name) else part.value if isinstance(part, ast.Constant) else None
            )
            if mentioned in classes:
                blocks[name] = str(mentioned)
    return Arguments(frozenset(known), blocks, frozenset(required))
