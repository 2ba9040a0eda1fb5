import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployments.images.dockerfile import FILE, read_targets
from settings import PROJECT

TARGETS = read_targets()
MODELS_OR_DRAWS = {"scikit-learn", "scipy", "matplotlib", "altair", "vl-convert-python", "plotly", "pandera", "duckdb"}
NOT_IN = {
    "invoker": {"prefect", "dbt-core", "pandas", "numpy", "pyarrow", "prefect-gcp"} | MODELS_OR_DRAWS,
    "sql-runner": {"prefect-gcp"} | MODELS_OR_DRAWS,
    "rfm": {"dbt-core", "prefect-dbt", "prefect-gcp", "duckdb"},
    "worker": {"dbt-core", "prefect-dbt", "pandas"} | MODELS_OR_DRAWS,
    "prefect-server": {"dbt-core", "prefect-dbt", "prefect-gcp", "google-cloud-pubsub", "pandas"} | MODELS_OR_DRAWS,
}
FOLDERS_NOT_IN = {
    "invoker": {"flows", "tasks", "workload", "dbt", "warehouse"},
    "sql-runner": {"rfm", "invoker", "register"},
    "rfm": {"dbt", "invoker", "register"},
    "worker": {"rfm", "dbt", "invoker", "workload"},
    "prefect-server": {"invoker", "flows", "tasks", "rfm", "dbt", "settings.py"},
}
STARTS = {
    "invoker": ["invoker.__main__", "invoker.app"],
    "sql-runner": ["flows.features"],
    "rfm": ["flows.report", "flows.scoring"],
    "worker": ["flows.backfill", "flows.healthcheck", "flows.housekeeping", "flows.orchestrate", "flows.reconcile"],
    "prefect-server": [],
}
OTHER_ROLES = {
    "invoker": {"warehouse"},
    "sql-runner": {"register"},
    "rfm": {"register"},
    "worker": set(),
    "prefect-server": set(),
}
"""Folders that wiring.py can open, and this role never does."""


def pins(lock):
    return dict(re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==(\S+)", lock.read_text(), flags=re.M))


def module_file(folder, module):
    path = folder / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (node.module, *(f"{node.module}.{name.name}" for name in node.names))


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).parent / "hadolint"

    done = subprocess.run([hadolint, FILE], capture_output=True, text=True)

    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("name", TARGETS)
def test_an_image_has_the_packages_that_were_tested_and_none_of_another_role(name):
    tested, own = pins(PROJECT / "requirements" / "run.txt"), pins(TARGETS[name].lock)

    assert own.items() <= tested.items()
    assert own.keys() & NOT_IN[name] == set()


@pytest.mark.parametrize("name", TARGETS)
def test_an_image_has_no_code_of_another_role(name):
    taken = {source.split("/")[0] for source, _ in TARGETS[name].copied}

    assert taken & FOLDERS_NOT_IN[name] == set()


@pytest.mark.parametrize("name", TARGETS)
def test_an_image_has_all_code_that_its_own_code_imports(name):
    taken = [source for source, _ in TARGETS[name].copied]
    missing, seen, waiting = set(), set(), list(STARTS[name])
    while waiting:
        module = waiting.pop()
        file = module_file(PROJECT, module)
        if file is None or module in seen or module.split(".")[0] in OTHER_ROLES[name]:
            continue
        seen.add(module)
        relative = file.relative_to(PROJECT)
        if not any(relative == Path(source) or Path(source) in relative.parents for source in taken):
            missing.add(str(relative))
        waiting += imported(file)

    assert missing == set(), f"COPY it into the image {name} in the Dockerfile, or let it not be imported there"


@pytest.mark.parametrize("name", [name for name, folders in OTHER_ROLES.items() if folders])
def test_an_image_starts_without_the_folders_of_other_roles(name):
    start = (
        f"import importlib, sys; sys.modules.update(dict.fromkeys({sorted(OTHER_ROLES[name])}))\n"
        f"for module in {STARTS[name]}: importlib.import_module(module)"
    )

    done = subprocess.run([sys.executable, "-c", start], cwd=PROJECT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


def test_every_flow_with_a_deployment_is_in_an_image():
    deployed = yaml.safe_load((PROJECT / "prefect.yaml").read_text())["deployments"]
    flows = {deployment["entrypoint"].partition(":")[0] for deployment in deployed}

    in_images = {source for target in TARGETS.values() for source, _ in target.copied}

    assert flows - in_images == set()


def test_nothing_but_what_images_take_is_sent_to_the_build():
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    let_in = {line.removeprefix("!").replace("/*.txt", "") for line in lines if line.startswith("!")}

    taken = {source for target in TARGETS.values() for source, _ in target.copied}

    assert lines[1] == "*"
    assert let_in - {"requirements", "deployments/images/install-lock.sh"} == {
        source if source in let_in else source.split("/")[0] for source in taken
    }


def test_no_secret_can_come_into_a_layer():
    text = FILE.read_text()

    assert not re.findall(r"^(?:ENV|ARG).*(?:KEY|TOKEN|PASSWORD|SECRET|AUTH)", text, flags=re.M)
    assert not re.findall(r"^COPY .*\.(?:env|conf|json|pem|key)\b", text, flags=re.M)


def test_the_base_is_pinned_by_digest_and_can_be_given():
    bases = re.findall(r"^FROM (\S+)", FILE.read_text(), flags=re.M)

    assert re.search(r"^ARG PYTHON_IMAGE=\S+@sha256:[0-9a-f]{64}$", FILE.read_text(), flags=re.M)
    assert {base for base in bases if base not in {"packages", "runtime"}} == {"${PYTHON_IMAGE}"}


@pytest.mark.parametrize("name", TARGETS)
def test_an_image_does_not_run_as_root_and_says_how_it_is(name):
    stage = FILE.read_text().split(f" AS {name}\n")[1].split("\nFROM ")[0]

    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", stage, flags=re.M)
    assert re.search(r"^HEALTHCHECK ", stage, flags=re.M)
    assert "org.opencontainers.image.title" in stage


def test_make_images_says_what_to_install_where_nothing_builds(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "deployments.images"],
        cwd=PROJECT,
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert "apt-get install buildah" in done.stderr
