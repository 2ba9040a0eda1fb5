"""One system for all tests of this folder, with its Workload in the cloud."""

import os
import subprocess
import sys
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest

from deployments.cloud.environment import read_environment
from deployments.local.layout import Layout
from settings import PROJECT
from tests.buckets import fake_gcs_server
from tests.carriers import emulator  # noqa: F401
from tests.cloud.cloud_run import CloudRun
from tests.cloud.containers import Machine
from tests.cloud.stack import CloudStack
from tests.cloud.vertex import HOUR, VertexAI
from tests.deployments.cloud.given_environment import GIVEN, write_environment
from tests.e2e.local_stack import local_stack
from tests.secret_manager import secret_manager

BUCKET = GIVEN["PUBLISHED_BUCKET"].removeprefix("gs://")
PLATFORMS = {name: value for name, value in GIVEN.items() if name.startswith("STEPS_")}
SECRET, REFERENCE = "key-of-the-containers", f"projects/{GIVEN['DEPLOY_PROJECT']}/secrets/prefect-key/versions/latest"
"""What DEPLOY_SECRETS names. The Prefect server of these tests asks for no key."""
CANCELLING = """
active = "tests"

[profiles.tests]
PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_CANCELLING_TIMEOUT_SECONDS = "20"
"""
"""Prefect's server ends what nobody has cancelled within this time; five minutes are its default."""


@pytest.fixture(scope="session")
def bucket():
    """Where fake-gcs-server keeps its objects: a folder for each bucket, as a bucket that is mounted looks."""
    with fake_gcs_server(BUCKET) as server:
        yield server


@pytest.fixture(scope="session")
def secrets():
    with secret_manager({REFERENCE: SECRET}) as server:
        yield server


@pytest.fixture(scope="session")
def cloud(tmp_path_factory, emulator, bucket, secrets):  # noqa: F811
    folder = tmp_path_factory.mktemp("cloud")
    messenger = {
        "MESSENGER_KIND": "pubsub",
        "MESSENGER_PROJECT": GIVEN["MESSENGER_PROJECT"],
        "MESSENGER_PREFIX": f"t{uuid.uuid4().hex[:8]}-",
    }
    settings = {
        **messenger,
        **PLATFORMS,
        "PUBLISHED_PATH": str(bucket.folder / BUCKET),
        "PUBSUB_EMULATOR_HOST": emulator,
        "ORCHESTRATOR_CRON": "0 0 1 1 *",
        "ORCHESTRATOR_PREFECT_POLL": "0.5",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    setup = [sys.executable, "-m", "deployments.messages", "setup"]
    subprocess.run(setup, cwd=PROJECT, env={**os.environ, **settings}, check=True, timeout=120)
    home = Layout(folder / "stack").prefect_home
    home.mkdir(parents=True)
    (home / "profiles.toml").write_text(CANCELLING)
    with local_stack(folder, up_within=400, **settings) as local, ExitStack() as ending:
        record, environment = local.record, local.environment
        network = {"PUBSUB_EMULATOR_HOST": emulator, "SECRET_MANAGER": secrets.url, **bucket.environment}
        machine = Machine(folder / "machine", network, {"prefect-key": SECRET})
        ending.callback(machine.close)
        cloud_run, vertex = CloudRun(machine), VertexAI(machine)
        ending.callback(cloud_run.close)
        ending.callback(vertex.close)
        files = {name: environment[name] for name in ("SOURCE_PATH", "WAREHOUSE_PATH")}
        reached = {"PREFECT_API_URL": record.prefect_api, "DEPLOY_CODE": str(PROJECT)}
        duckdb = {"WAREHOUSE_KIND": None, "WAREHOUSE_PROJECT": None}
        file = write_environment(folder, **messenger, **files, **reached, **duckdb)
        stack = CloudStack(record, read_environment(file), machine, cloud_run, vertex, environment, folder)
        ending.callback(stack.kill_worker)
        stack.register(file)
        stack.start_worker()
        yield stack


@pytest.fixture(autouse=True)
def _no_troubles_left(request):
    yield
    if "cloud" in request.fixturenames:
        stack = request.getfixturevalue("cloud")
        stack.machine.starts = True
        stack.vertex.hour = HOUR
        stack.settle_what_was_asked()
        for platform in (stack.cloud_run, stack.vertex):
            platform.troubles.forget()


def pytest_collection_modifyitems(items):
    """The first test of a session also starts the whole system."""
    for item in items:
        if "cloud" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(900))
