"""Who finds a run in Prefect is told what it is: descriptions, names and tags of all flows and deployments."""

from importlib import import_module

import pytest
import yaml
from prefect import Flow

from deployments.registration.prefect_file import PREFECT_FILE, full_name
from settings import PROJECT

FILES = [PREFECT_FILE, PROJECT / "examples" / "reminders" / "prefect.yaml"]
DEPLOYMENTS = [one for file in FILES for one in yaml.safe_load(file.read_text())["deployments"]]


def flow_at(deployment) -> Flow:
    file, _, name = deployment["entrypoint"].partition(":")
    return getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=full_name)
def test_a_deployment_and_its_flow_say_what_they_do(deployment):
    flow = flow_at(deployment)

    assert len(deployment["description"]) > 20
    assert deployment["tags"]
    assert len(flow.description or "") > 20
    assert flow.flow_run_name, "its runs would have names that Prefect makes up"


def test_every_flow_has_a_deployment():
    files = {deployment["entrypoint"].partition(":")[0] for deployment in DEPLOYMENTS}
    there = {f"flows/{path.name}" for path in (PROJECT / "flows").glob("*.py")} - {"flows/__init__.py"}

    assert there <= files
