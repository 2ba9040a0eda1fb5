"""The automations in Prefect: what is told or done from outside a run, since the run's own process may be dead.

They stand in deployments/automations/, in the form of Prefect's API; `tell` there becomes a notification on every
channel of ALERTS_URLS, and without channels the automation is left out. Applied again, they are what the files say.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx
import yaml

from settings import PROJECT, Settings

FOLDER = PROJECT / "deployments" / "automations"
REGISTERED = "automations_registered"
RUNBOOK = "RUNBOOK"
"""Stands in the files for the setting ALERTS_RUNBOOK."""

Automation = dict[str, Any]


def register_automations(client: httpx.Client, settings: Settings) -> bool:
    """Returns whether anything had to be changed. Raises httpx.HTTPError."""
    if are_registered(client, settings):
        return False
    files = read_automations(settings)
    channels = make_channels(client, settings.alerts.addresses)
    for automation in files:
        _apply(client, told_on(automation, channels))
    client.delete(f"/variables/name/{REGISTERED}")
    value = _fingerprint(files, settings)
    client.post("/variables/", json={"name": REGISTERED, "value": value}).raise_for_status()
    return True


def are_registered(client: httpx.Client, settings: Settings) -> bool:
    """As the files and the settings say."""
    known = client.get(f"/variables/name/{REGISTERED}")
    wanted = _fingerprint(read_automations(settings), settings)
    return known.status_code == httpx.codes.OK and bool(known.json()["value"] == wanted)


def remove_automations(client: httpx.Client, settings: Settings) -> None:
    for automation in read_automations(settings):
        _apply(client, {**automation, "actions": []})
    client.delete(f"/variables/name/{REGISTERED}")


def read_automations(settings: Settings) -> list[Automation]:
    texts = [path.read_text() for path in sorted(FOLDER.glob("*.yaml"))]
    return [yaml.safe_load(text.replace(RUNBOOK, settings.alerts.runbook)) for text in texts]


def told_on(automation: Automation, channels: Sequence[str]) -> Automation:
    """With the actions of its `tell`, one for each channel; `channels` are the ids of their blocks."""
    wanted = {name: value for name, value in automation.items() if name != "tell"}
    if tell := automation.get("tell"):
        wanted["actions"] = [
            {"type": "send-notification", "block_document_id": channel, **tell} for channel in channels
        ]
    return wanted


def make_channels(client: httpx.Client, addresses: Sequence[str]) -> list[str]:
    """A block for each address, and their ids. The block for Slack takes every address that Apprise knows.

    Prefect encrypts the addresses. The blocks of addresses that are gone stay, and nothing uses them.
    """
    if not addresses:
        return []
    from prefect.blocks.notifications import SlackWebhook
    from prefect.client.schemas.actions import BlockSchemaCreate, BlockTypeCreate

    kind = _made(
        client,
        "/block_types/",
        SlackWebhook._to_block_type().model_dump(mode="json", include=set(BlockTypeCreate.model_fields)),
        f"/block_types/slug/{SlackWebhook.get_block_type_slug()}",
    )
    schema = SlackWebhook._to_block_schema(block_type_id=UUID(kind)).model_dump(
        mode="json", include=set(BlockSchemaCreate.model_fields)
    )
    schema_id = client.post("/block_schemas/", json=schema).raise_for_status().json()["id"]
    return [
        _make_channel(client, kind, schema_id, f"alerts-{place}", address) for place, address in enumerate(addresses, 1)
    ]


def _make_channel(client: httpx.Client, kind: str, schema: str, name: str, address: str) -> str:
    block = {"name": name, "data": {"url": address}, "block_type_id": kind, "block_schema_id": schema}
    known = client.get(f"/block_types/slug/slack-webhook/block_documents/name/{name}")
    if known.status_code == httpx.codes.NOT_FOUND:
        return str(client.post("/block_documents/", json=block).raise_for_status().json()["id"])
    block_id = known.raise_for_status().json()["id"]
    changed = {"data": block["data"], "block_schema_id": schema, "merge_existing_data": False}
    client.patch(f"/block_documents/{block_id}", json=changed).raise_for_status()
    return str(block_id)


def _made(client: httpx.Client, path: str, body: dict[str, Any], known: str) -> str:
    answer = client.post(path, json=body)
    if answer.status_code == httpx.codes.CONFLICT:
        answer = client.get(known)
    return str(answer.raise_for_status().json()["id"])


def _apply(client: httpx.Client, automation: Automation) -> None:
    """Makes it, changes the one of its name, or removes that one when it has nothing to do."""
    by_name = {"automations": {"name": {"any_": [automation["name"]]}}}
    known = client.post("/automations/filter", json=by_name).raise_for_status().json()
    if not automation["actions"]:
        for one in known:
            client.delete(f"/automations/{one['id']}").raise_for_status()
    elif known:
        client.put(f"/automations/{known[0]['id']}", json=automation).raise_for_status()
    else:
        client.post("/automations/", json=automation).raise_for_status()


def _fingerprint(files: Sequence[Automation], settings: Settings) -> str:
    """The addresses are part of it, and cannot be read from it."""
    return hashlib.sha256(json.dumps([files, settings.alerts.addresses], sort_keys=True).encode()).hexdigest()
