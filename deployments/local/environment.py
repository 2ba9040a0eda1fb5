"""The environment of the stack's processes: the user's own, with none of their Prefect settings in it."""

from deployments.local.layout import Layout
from deployments.registration.environment import HEARTBEAT, without_prefect

MARK = "RFM_STACK_HOME"
"""Every process of a stack carries its folder under this name, so that leftovers can be found."""

WORKER_POLL = "2"
"""Seconds between two looks of a worker for new runs."""


def own_prefect(layout: Layout, api: str) -> dict[str, str]:
    """PREFECT_ variables of the user would send runs to another server or database: they are left out."""
    return without_prefect() | {
        "PREFECT_HOME": str(layout.prefect_home),
        "PREFECT_PROFILES_PATH": str(layout.prefect_home / "profiles.toml"),
        "PREFECT_API_URL": api,
        "PREFECT_WORKER_QUERY_SECONDS": WORKER_POLL,
        **HEARTBEAT,
        # what the server answers while its database restarts: asked again, like a server that is down
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
    }


def child_environment(layout: Layout, *, prefect_port: int, invoker_port: int) -> dict[str, str]:
    return own_prefect(layout, prefect_api(prefect_port)) | {
        MARK: str(layout.root),
        "STACK_PATH": str(layout.root),
        "STACK_PREFECT_PORT": str(prefect_port),
        "INVOKER_PORT": str(invoker_port),
    }


def prefect_api(port: int) -> str:
    return f"http://127.0.0.1:{port}/api"
