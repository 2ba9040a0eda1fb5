"""Google's own schemas of what it takes, as google-api-python-client ships them: no network is needed."""

import importlib.resources
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

SCHEMAS = {
    "cloud-run": ("run.v2.json", "GoogleCloudRunV2Job"),
    "vertex-ai": ("aiplatform.v1.json", "GoogleCloudAiplatformV1CustomJob"),
}
"""By platform: the discovery document, and what its create method takes."""


def wrong_in(platform: str, body: Mapping[str, Any]) -> list[str]:
    """Everything in the body that Google would not know or not take."""
    return [
        f"{'.'.join(map(str, error.absolute_path)) or 'the body'}: {error.message}"
        for error in _validator(platform).iter_errors(body)
    ]


@cache
def _validator(platform: str) -> Draft202012Validator:
    document, name = SCHEMAS[platform]
    documents = importlib.resources.files("googleapiclient.discovery_cache") / "documents"
    schemas = json.loads((documents / document).read_text())["schemas"]
    definitions = {key: _as_json_schema(schema) for key, schema in schemas.items()}
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})


def _as_json_schema(part: Mapping[str, Any]) -> dict[str, Any]:
    """A discovery schema says the same as JSON Schema but for references, whole numbers in strings, and that unknown
    names are refused."""
    if "$ref" in part:
        return {"$ref": f"#/$defs/{part['$ref']}"}
    schema: dict[str, Any] = {"type": part["type"]} if part.get("type", "any") != "any" else {}
    if part.get("format") in ("int64", "uint64"):
        schema = {"type": ["string", "integer"], "pattern": r"^-?\d+$"}
    if part.get("format") == "google-duration":
        schema["pattern"] = r"^\d+(\.\d{1,9})?s$"
    if "enum" in part:
        schema["enum"] = part["enum"]
    if "items" in part:
        schema["items"] = _as_json_schema(part["items"])
    if "properties" in part:
        schema["properties"] = {name: _as_json_schema(one) for name, one in part["properties"].items()}
        schema["additionalProperties"] = False
    if "additionalProperties" in part:
        schema["additionalProperties"] = _as_json_schema(part["additionalProperties"])
    return schema
