"""Reads a rule set from its YAML file, and says what is wrong with it by file and line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from errors import Permanent
from rfm.rule_set import Place, Problem, RuleSet, WrongMap

SHIPPED = Path(__file__).with_name("rules")
MOST_BYTES = 1_000_000
MOST_DEPTH = 10
"""A rule set is four levels deep; a YAML alias that holds itself has no end."""
_SHOWN = 20

Lines = dict[Place, int]


class WrongRules(Permanent):
    """A rule set that cannot be used; the text has one line for each thing that is wrong with it."""


def shipped_names() -> list[str]:
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def rules_named(name: str, *, window_days: int | None = None) -> RuleSet:
    """A rule set in rfm/rules/, and no file elsewhere: the name can come from a request. Raises WrongRules."""
    if name not in shipped_names():
        raise WrongRules(f"there is no rule set of the name given; known: {', '.join(shipped_names())}")
    return read_rules(SHIPPED / f"{name}.yaml", window_days=window_days)


def find_rules(name_or_path: str, *, window_days: int) -> RuleSet:
    """What the setting MODEL_RULES means: the name of a rule set in rfm/rules/, or the path of one's own file,
    where a relative path is meant from the project's folder. Raises WrongRules."""
    if name_or_path in shipped_names():
        return rules_named(name_or_path, window_days=window_days)
    path = SHIPPED.parents[1] / name_or_path
    if not path.is_file():
        raise WrongRules(
            f"MODEL_RULES is {name_or_path!r}: neither a rule set that ships ({', '.join(shipped_names())}) nor a file"
        )
    return read_rules(path, window_days=window_days)


def read_rules(path: Path, *, window_days: int | None = None) -> RuleSet:
    """Raises WrongRules with every problem of the file, each with its line. With `window_days`, a cut of recency that
    no customer of the window can reach is one."""
    try:
        text = path.read_bytes()[: MOST_BYTES + 1].decode()
    except (OSError, UnicodeDecodeError) as unreadable:
        raise WrongRules(f"{path}: cannot be read as text ({type(unreadable).__name__})") from None
    if len(text) > MOST_BYTES:
        raise WrongRules(f"{path}: larger than {MOST_BYTES} bytes, this is no rule set")
    lines: Lines = {(): 1}
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        content = _plain(root, (), lines) if root is not None else None
    except yaml.MarkedYAMLError as wrong:
        line = wrong.problem_mark.line + 1 if wrong.problem_mark else 1
        raise WrongRules(f"{path}:{line}: this is no YAML: {wrong.problem}") from None
    except yaml.YAMLError as wrong:
        raise WrongRules(f"{path}: this is no YAML ({type(wrong).__name__})") from None
    try:
        return RuleSet.model_validate(content, context={"window_days": window_days})
    except ValidationError as wrong:
        raise WrongRules(_spell(path, list(_problems(wrong)), lines)) from None


def _plain(node: yaml.Node, place: Place, lines: Lines) -> Any:
    """The node as dicts, lists and scalars; `lines` learns on which line each part starts."""
    lines.setdefault(place, node.start_mark.line + 1)
    if len(place) > MOST_DEPTH:
        raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=node.start_mark)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(child, (*place, number), lines) for number, child in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return yaml.SafeLoader("").construct_object(node)
    content: dict[Any, Any] = {}
    for key_node, child in node.value:
        key = key_node.value
        if not isinstance(key, str) or key in content:
            twice = f"{key!r} stands twice, or is no name"
            raise yaml.MarkedYAMLError(problem=twice, problem_mark=key_node.start_mark)
        lines[(*place, key)] = key_node.start_mark.line + 1
        content[key] = _plain(child, (*place, key), lines)
    return content


def _problems(wrong: ValidationError) -> Iterator[Problem]:
    for error in wrong.errors(include_url=False, include_input=False):
        cause = error.get("ctx", {}).get("error")
        if isinstance(cause, WrongMap):
            yield from cause.problems
        else:
            yield Problem(error["loc"], error["msg"].removeprefix("Value error, "))


def _spell(path: Path, problems: list[Problem], lines: Lines) -> str:
    texts = []
    for place, text in problems[:_SHOWN]:
        known = next(place[:end] for end in range(len(place), -1, -1) if place[:end] in lines)
        spelt = ".".join(str(part + 1) if isinstance(part, int) else part for part in place)
        texts.append((lines[known], f"{path}:{lines[known]}: {spelt + ': ' if spelt else ''}{text}"))
    if len(problems) > _SHOWN:
        texts.append((1 << 30, f"and {len(problems) - _SHOWN} more"))
    return "\n".join(text for _, text in sorted(texts))
