"""Every setting, from settings.py."""

from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from deployments.env_example import shown
from deployments.site.reference.markdown import code, table
from setting_types import Group
from settings import Settings

HEADER = """\
# Settings

From the environment, or from a file `.env` in the project's folder; the environment wins. A wrong value, or a name
that is not listed here, stops the program with the whole list of what is wrong.
"""


def settings_page() -> str:
    sections = [_section(name, type(field.default)) for name, field in Settings.model_fields.items()]
    return "\n".join([HEADER, *sections])


def _section(name: str, group: type[Group]) -> str:
    rows = [(code(f"{name}_{one}".upper()), code(shown(field.default)), _means(field)) for one, field in _of(group)]
    return f"## {name.capitalize()}\n\n{group.__doc__ or ''}\n\n{table(('Setting', 'Default', 'Meaning'), rows)}"


def _of(group: type[Group]) -> list[tuple[str, FieldInfo]]:
    return list(group.model_fields.items())


def _means(field: FieldInfo) -> str:
    said = [field.description or ""]
    if get_origin(field.annotation) is Literal:
        said.append("one of " + ", ".join(code(str(value)) for value in get_args(field.annotation)))
    return "; ".join(filter(None, said))
