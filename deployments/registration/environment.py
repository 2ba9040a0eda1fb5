"""The environment of a command that must reach one Prefect server and no other."""

import os

HEARTBEAT = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30"}
"""Seconds between two heartbeats of a flow run, Prefect's shortest; automations/zombies.yaml waits for 3."""


def without_prefect() -> dict[str, str]:
    """This process's environment without Prefect's settings, which would send runs to another server or database."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "SUPERVISOR_"))}
