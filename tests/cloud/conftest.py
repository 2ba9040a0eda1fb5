"""One system for all tests of this folder, with its Workload in the cloud."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from deployments.cloud.environment import read_environment
from deployments.local.layout import Layout
from deployments.local.leftovers import find_leftovers
from deployments.local.private import private_environment
from deployments.local.record import read_record
from settings import PROJECT
from tests.carriers import emulator  # noqa: F401
from tests.cloud.cloud_run import CloudRun
from tests.cloud.containers import Machine
from tests.cloud.stack import CloudStack
from tests.cloud.vertex import VertexAI
from tests.deployments.cloud.given_environment import GIVEN, write_environment
from tests.e2e.local_stack import write_orders

PLATFORMS = {name: value for name, value in GIVEN.items() if name.startswith("STEPS_")}


@pytest.fixture(scope="session")
def cloud(tmp_path_factory, emulator):  # noqa: F811
    folder = tmp_path_factory.mktemp("cloud")
    write_orders(folder / "orders.csv")
    messenger = {
        "MESSENGER_KIND": "pubsub",
        "MESSENGER_PROJECT": GIVEN["MESSENGER_PROJECT"],
        "MESSENGER_PREFIX": f"t{uuid.uuid4().hex[:8]}-",
    }
    venv = Path(sys.executable).parent
    environment = private_environment(
        folder,
        folder / "orders.csv",
        **messenger,
        **PLATFORMS,
        PUBSUB_EMULATOR_HOST=emulator,
        ORCHESTRATOR_CRON="0 0 1 1 *",
        ORCHESTRATOR_PREFECT_POLL="0.5",
        PATH=f"{venv}:{os.environ['PATH']}",
    )
    call = [sys.executable, "-m", "deployments.local"]
    subprocess.run([*call[:2], "deployments.messages", "setup"], cwd=PROJECT, env=environment, check=True, timeout=60)
    subprocess.run([*call, "up"], cwd=PROJECT, env=environment, check=True, timeout=180)
    machine = Machine(folder / "machine", {"PUBSUB_EMULATOR_HOST": emulator})
    cloud_run, vertex = CloudRun(machine), VertexAI(machine)
    record = read_record(Layout(folder / "stack").record)
    files = {name: environment[name] for name in ("SOURCE_PATH", "WAREHOUSE_PATH", "PUBLISHED_PATH", "RUNS_PATH")}
    reached = {"PREFECT_API_URL": record.prefect_api, "DEPLOY_CODE": str(PROJECT), "DEPLOY_SECRETS": None}
    file = write_environment(folder, **messenger, **files, **reached)
    stack = CloudStack(record, read_environment(file), machine, cloud_run, vertex, environment, folder)
    try:
        stack.register(file)
        stack.start_worker()
        yield stack
    finally:
        stack.kill_worker()
        machine.close()
        cloud_run.close()
        vertex.close()
        subprocess.run([*call, "down"], cwd=PROJECT, env=environment, check=True, timeout=60)
    assert find_leftovers(folder / "stack") == []


@pytest.fixture(autouse=True)
def _no_troubles_left(request):
    yield
    if "cloud" in request.fixturenames:
        stack = request.getfixturevalue("cloud")
        stack.machine.starts = True
        stack.settle_what_was_asked()
        for platform in (stack.cloud_run, stack.vertex):
            platform.troubles.forget()


def pytest_collection_modifyitems(items):
    """The first test of a session also starts the whole system."""
    for item in items:
        if "cloud" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(900))
