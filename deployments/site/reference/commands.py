"""The make targets, from the Makefile."""

import re

from deployments.site.reference.markdown import code, table
from settings import PROJECT

HEADER = """\
# Commands

For people, hooks and CI alike. `make` alone lists them. The first one that is used makes the environment.
"""
TARGET = re.compile(r"^(?P<name>[a-z-]+):.*## (?P<means>.+)$", re.MULTILINE)


def commands_page() -> str:
    found = TARGET.finditer((PROJECT / "Makefile").read_text(encoding="utf-8"))
    rows = [(code(f"make {one['name']}"), one["means"]) for one in found]
    return f"{HEADER}\n{table(('Command', 'What it does'), rows)}"
