"""The files look as `terraform fmt` leaves them: indentation by two, and aligned equal signs."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

ATTRIBUTE = re.compile(r'^(\s*)("[^"]*"|[\w.-]+)(\s*)=\s*(?![=>])(.*)$')
OPENING, CLOSING = "{[(", "}])"


def problems(folder: Path) -> Sequence[str]:
    files = sorted([*folder.glob("*.tf"), *folder.glob("*/*.tfvars")])
    return [f"{file.name}:{problem}" for file in files for problem in _of_file(file.read_text().splitlines())]


def _of_file(lines: Sequence[str]) -> Iterator[str]:
    yield from _indentation(lines)
    yield from _alignment(lines)


def _indentation(lines: Sequence[str]) -> Iterator[str]:
    depth = 0
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield f"{number}: ends in spaces"
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", line.split("#")[0]).strip()
        if bare and bare[0] in CLOSING:
            depth -= 1
        if line.strip() and len(line) - len(line.lstrip()) != 2 * depth:
            yield f"{number}: is indented by {len(line) - len(line.lstrip())} instead of {2 * depth}"
        balance = sum(bare.count(sign) for sign in OPENING) - sum(bare.count(sign) for sign in CLOSING)
        depth += (balance > 0) - (balance < 0) + (1 if bare and bare[0] in CLOSING else 0)


def _alignment(lines: Sequence[str]) -> Iterator[str]:
    """Attributes on neighbouring lines, each on one line, have their equal signs below each other."""
    group: list[tuple[int, int, int]] = []
    for number, line in enumerate([*lines, ""], 1):
        found = ATTRIBUTE.match(line)
        one_line = found and found[4] and found[4][-1] not in OPENING and not found[4].startswith("<<")
        if found and one_line and (not group or group[-1][2] == len(found[1])):
            group.append((number, len(found[1] + found[2]), len(found[1])))
            continue
        yield from _unaligned(lines, group)
        group = [(number, len(found[1] + found[2]), len(found[1]))] if found and one_line else []


def _unaligned(lines: Sequence[str], group: Sequence[tuple[int, int, int]]) -> Iterator[str]:
    wanted = max((width for _, width, _ in group), default=0) + 1
    for number, _, _ in group:
        if lines[number - 1].find("=", wanted - 1) != wanted:
            yield f"{number}: the equal sign is not in column {wanted + 1}"
