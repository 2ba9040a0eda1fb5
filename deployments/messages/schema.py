"""Writes docs/messages.schema.json: both messages as JSON Schema, for those who speak to the system from outside."""

import json

from pydantic.json_schema import models_json_schema

from messenger.contract import RunRequest, RunStatus
from settings import PROJECT

FILE = PROJECT / "docs" / "messages.schema.json"


def message_schema() -> str:
    _, schema = models_json_schema(
        [(RunRequest, "validation"), (RunStatus, "validation")], title="Messages between Orchestrator and Workload"
    )
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(message_schema())
