"""The invoker's routes, from the OpenAPI that it serves itself."""

from collections.abc import Iterator
from typing import Any

from deployments.site.reference.markdown import code, table
from deployments.site.reference.schema import kind_of
from invoker.app import create_app
from settings import Settings

HEADER = """\
# API

The routes of the invoker. It serves this page as OpenAPI under `/openapi.json`. Errors are problem+json
(RFC 9457) with a `detail` that says what to do. How to ask about results: [Ask](../asking.md); for runs:
[Invoker](../invoker.md).
"""


def api_page() -> str:
    found = create_app(Settings()).openapi()
    routes = sorted(found["paths"].items())
    sections = [_route(method, path, route) for path, methods in routes for method, route in methods.items()]
    models = [_model(name, schema) for name, schema in sorted(found["components"]["schemas"].items()) if _shown(schema)]
    return "\n".join([HEADER, *sections, "## Models\n", *models])


def _route(method: str, path: str, route: dict[str, Any]) -> str:
    lines = [f"## {method.upper()} {path}\n", route.get("description", ""), ""]
    if route.get("security"):
        lines += ["Needs a token where `INVOKER_AUTH` is not `none`.", ""]
    asked = [
        (code(one["name"]), one["in"], kind_of(one["schema"]), one.get("description", ""))
        for one in route.get("parameters", [])
    ]
    if asked:
        lines.append(table(("Parameter", "In", "Type", "Meaning"), asked))
    for model in _content(route.get("requestBody", {})):
        lines.append(f"Body: {model}\n")
    answers = [
        (status, " or ".join(_content(answer)), answer.get("description", ""))
        for status, answer in sorted(route["responses"].items())
    ]
    lines.append(table(("Status", "Content", "Meaning"), answers))
    return "\n".join(lines)


def _content(answer: dict[str, Any]) -> Iterator[str]:
    for media_type, content in answer.get("content", {}).items():
        schema = content.get("schema", {})
        models = [kind_of(one) for one in schema.get("oneOf", [schema]) if "$ref" in one]
        yield " or ".join(map(_linked, models)) or code(media_type)


def _linked(model: str) -> str:
    return f"[{model}](#{model.lower()})"


def _shown(schema: dict[str, Any]) -> bool:
    return bool(schema.get("properties"))


def _model(name: str, schema: dict[str, Any]) -> str:
    rows = [(code(field), kind_of(one), one.get("description", "")) for field, one in schema["properties"].items()]
    return f"### {name}\n\n{schema.get('description', '')}\n\n{table(('Field', 'Type', 'Meaning'), rows)}"
