"""Writes .env.example: every setting with its default, made from settings.py so that the two cannot differ."""

from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from setting_types import Group
from settings import PROJECT, Settings

HEADER = """\
# Every setting and its default. Copy this file to .env and change what you need; the environment wins over .env.
# Made by `make generated` from settings.py.
"""


def shown(value: Any) -> str:
    if isinstance(value, Path):
        return str(value.relative_to(PROJECT)) if value.is_relative_to(PROJECT) else str(value)
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) and (" " in value or value == "") else str(value)


def _line(group: str, name: str, field: FieldInfo) -> str:
    comment = f"# {field.description}\n" if field.description else ""
    return f"{comment}#{group.upper()}_{name.upper()}={shown(field.default)}"


def _section(name: str, group: type[Group]) -> str:
    title = (group.__doc__ or "").splitlines()[0]
    lines = [_line(name, field_name, field) for field_name, field in group.model_fields.items()]
    return "\n".join([f"# --- {title}", *lines])


def env_example() -> str:
    sections = [_section(name, type(field.default)) for name, field in Settings.model_fields.items()]
    return HEADER + "\n" + "\n\n".join(sections) + "\n"


if __name__ == "__main__":
    (PROJECT / ".env.example").write_text(env_example())
