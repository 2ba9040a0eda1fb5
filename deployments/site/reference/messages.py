"""The messages between Orchestrator and Workload, from messenger/contract.py."""

from typing import Any

from pydantic import BaseModel

from deployments.site.reference.markdown import code, table
from deployments.site.reference.schema import kind_of
from messenger.contract import Failure, RunRequest, RunStatus

HEADER = """\
# Messages

JSON, UTF-8; fields that are not listed are refused. The same as
[JSON Schema](../messages.schema.json). What carries them: [Messenger](../messenger.md).
"""


def messages_page() -> str:
    return "\n".join([HEADER, *(_section(one) for one in (RunRequest, RunStatus, Failure))])


def _section(message: type[BaseModel]) -> str:
    schema: dict[str, Any] = message.model_json_schema()
    needed = schema.get("required", [])
    rows = [
        (code(name), kind_of(field), "yes" if name in needed else "", field.get("description", ""))
        for name, field in schema["properties"].items()
    ]
    return f"## {message.__name__}\n\n{message.__doc__}\n\n{table(('Field', 'Type', 'Needed', 'Meaning'), rows)}"
