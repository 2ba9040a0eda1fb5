"""A real Prefect server for tests that need no workers: one for the session, on Postgres, in a folder of its own."""

import os
import subprocess
import sys
import time

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from deployments.local.environment import own_prefect, prefect_api
from deployments.local.layout import Layout
from deployments.local.ports import choose_port
from settings import PROJECT
from tests.postgres import postgres  # noqa: F401

STARTS_WITHIN = 120.0


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory, postgres):  # noqa: F811
    """The address of its API; this process's own Prefect settings are as they were."""
    layout = Layout(tmp_path_factory.mktemp("prefect"))
    layout.make()
    port = choose_port(0)
    api = prefect_api(port)
    environment = own_prefect(layout, api) | {
        "STACK_PATH": str(layout.root),
        "STACK_PREFECT_PORT": str(port),
        "STACK_PREFECT_DATABASE": postgres.new_database().replace("postgresql:", "postgresql+asyncpg:"),
    }
    with (layout.logs / "prefect-server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "deployments.local.server"],
            cwd=PROJECT,
            env=os.environ | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_answers(server, api, layout)
        yield api
    finally:
        server.kill()
        server.wait()


def _wait_until_it_answers(server, api, layout):
    give_up = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            if httpx.get(f"{api}/health", timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        if server.poll() is not None or time.monotonic() > give_up:
            log = (layout.logs / "prefect-server.log").read_text()
            pytest.fail(f"the Prefect server did not start:\n{log[-2000:]}")
        time.sleep(0.1)


@pytest.fixture
def prefect(prefect_server):
    """What this process does with Prefect goes to that server."""
    with temporary_settings({PREFECT_API_URL: prefect_server}):
        yield prefect_server
