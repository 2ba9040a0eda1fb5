"""compose.yaml fits the settings, the images and the pools; where Docker's client is, it reads the file too."""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec

import pytest
import yaml
from prefect.settings import get_current_settings

from deployments.local.parts import POOLS
from settings import PROJECT, Settings

FILE = PROJECT / "compose.yaml"
WORKERS = ("orchestrator", "sql-runner", "python-app")
DEFAULT = re.compile(r"\$\{(\w+):-([^}]*)\}")
GOOGLES_OWN = {"PUBSUB_EMULATOR_HOST"}


def with_defaults(text):
    return DEFAULT.sub(lambda found: found[2], text)


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(with_defaults(FILE.read_text()))["services"]


def test_every_variable_is_a_setting_of_ours_or_of_prefect(services):
    ours = {f"{group}_{name}".upper() for group, model in Settings() for name in type(model).model_fields}
    prefects = set(get_current_settings().to_environment_variables(exclude_unset=False))
    named = {
        name
        for service, content in services.items()
        if service != "postgres"
        for name in content.get("environment", {})
    }

    assert named - ours - prefects - GOOGLES_OWN == set()


@pytest.mark.parametrize("service", ["invoker", "setup", *WORKERS])
def test_its_environment_makes_right_settings(services, service, monkeypatch):
    for name, value in services[service]["environment"].items():
        monkeypatch.setenv(name, value)

    chosen = Settings()

    assert chosen.messenger.kind == "pubsub"
    assert chosen.invoker.host == "127.0.0.1"
    assert str(chosen.prefect.api_url) == "http://127.0.0.1:4200/api"
    assert "/register" in chosen.runs.url.get_secret_value()


def test_nothing_listens_beyond_loopback(services):
    for name, service in services.items():
        assert "ports" not in service, name
        assert service["network_mode"] == "host", name
    assert "listen_addresses=127.0.0.1" in services["postgres"]["command"]
    assert any("--host-port=127.0.0.1:8085" in word for word in services["pubsub"]["command"])
    assert services["prefect-server"]["command"][3:5] == ["--host", "127.0.0.1"]
    assert "0.0.0.0" not in FILE.read_text()


def test_each_pool_has_a_worker(services):
    pools = {services[name]["command"][1] for name in WORKERS}

    assert pools == set(POOLS)


def test_what_it_runs_is_there(services):
    assert find_spec("deployments.compose") is not None
    targets = set(re.findall(r"^FROM \S+ AS (\S+)", (PROJECT / "Dockerfile").read_text(), re.MULTILINE))
    wanted = {service["build"].get("target") for service in services.values() if "build" in service}

    assert wanted == {"invoker", "prefect-server", None}
    assert wanted - {None} <= targets


def test_whoever_is_waited_for_is_there(services):
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or "healthcheck" in services[name]


def test_dockers_client_reads_it():
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("there is no docker compose here")

    read = subprocess.run(
        [docker, "compose", "--file", FILE, "config", "--quiet"],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )

    assert read.returncode == 0, read.stderr
