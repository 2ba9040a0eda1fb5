"""Tables and views of the warehouse, from the descriptions that dbt has."""

from collections.abc import Iterator
from typing import Any

import yaml

from deployments.site.reference.markdown import code, table
from settings import PROJECT

HEADER = """\
# Tables

What stands in the warehouse. `make docs` shows the same with tests and lineage. The rules that hold for all of them:
[Results](../results.md), [SQL](../sql.md).
"""


def tables_page() -> str:
    return "\n".join([HEADER, *(_section(one) for one in _described())])


def _described() -> Iterator[dict[str, Any]]:
    for path in sorted((PROJECT / "dbt" / "models").rglob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for source in content.get("sources", []):
            yield from source["tables"]
        yield from content.get("models", [])


def _section(one: dict[str, Any]) -> str:
    rows = [
        (code(column["name"]), column.get("data_type", ""), column.get("description", ""))
        for column in one.get("columns", [])
    ]
    columns = table(("Column", "Type", "Meaning"), rows) if rows else ""
    return f"## {one['name']}\n\n{one['description']}\n\n{columns}"
