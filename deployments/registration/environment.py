"""The environment of a command that must reach one Prefect server and no other."""

import os


def without_prefect() -> dict[str, str]:
    """This process's environment without Prefect's settings, which would send runs to another server or database."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "SUPERVISOR_"))}
