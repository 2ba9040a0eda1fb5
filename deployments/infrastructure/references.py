"""Every reference leads to something that is declared, and everything declared is used."""

import re
from collections.abc import Iterator, Sequence

from deployments.infrastructure.configuration import Block, Configuration, texts, without_literals

REFERENCE = re.compile(
    r"(?<![\w.-])(?:(var|local)\.([\w-]+)|(?:(data|ephemeral)\.)?((?:google|random|terraform)_\w+)\.([\w-]+))"
)

GIVEN_WITH_VAR = frozenset({"image_tag"})
"""Variables of the command line: their value is another at each apply."""


def references(block: Block) -> Iterator[str]:
    """The addresses that the block refers to."""
    for text in texts(block.body):
        for found in REFERENCE.finditer(without_literals(text)):
            root, name, kind, resource, label = found.groups()
            yield f"{root}.{name}" if root else ".".join(filter(None, (kind, resource, label)))


def problems(configuration: Configuration) -> Sequence[str]:
    declared = {block.address for block in configuration.blocks}
    used = {address for block in configuration.blocks for address in references(block)}
    return [
        *_twice(configuration),
        *(
            f"{block.file}: {block.name} refers to {address}, which is not declared"
            for block in configuration.blocks
            for address in sorted(set(references(block)) - declared)
        ),
        *(
            f"{block.file}: {block.name} is declared and never used"
            for block in configuration.of("variable", "local", "data", "ephemeral")
            if block.address not in used
        ),
        *_unknown_keys(configuration),
        *_environments(configuration),
    ]


def _twice(configuration: Configuration) -> Iterator[str]:
    seen: set[str] = set()
    for block in configuration.of("variable", "local", "resource", "data", "ephemeral", "output"):
        if block.name in seen:
            yield f"{block.file}: {block.name} is declared twice"
        seen.add(block.name)


def _unknown_keys(configuration: Configuration) -> Iterator[str]:
    """Terraform must know the keys of for_each before it has made anything; what a resource tells comes after."""
    for block in configuration.of("resource", "data"):
        each = without_literals(str(block.body.get("for_each", "")))
        if "toset(" in each and any(found[4] for found in REFERENCE.findall(each)):
            yield f"{block.file}: {block.name} has keys that are known only after the apply: give it a map"


def _environments(configuration: Configuration) -> Iterator[str]:
    """The variables of each environment are declared, and those without a default are set, there or by each apply."""
    variables = {block.labels[0]: block for block in configuration.of("variable")}
    for environment, given in configuration.environments.items():
        for name in given.keys() - variables.keys():
            yield f"environments/{environment}.tfvars: sets {name}, which is no variable"
        for name, block in variables.items():
            if name in GIVEN_WITH_VAR and name in given:
                yield f"environments/{environment}.tfvars: sets {name}, which would be wrong at the next apply"
            if "default" not in block.body and name not in given.keys() | GIVEN_WITH_VAR:
                yield f"environments/{environment}.tfvars: does not set {name}, which has no default"
        if given.get("environment") != environment:
            yield f"environments/{environment}.tfvars: is of the environment {given.get('environment')}"
