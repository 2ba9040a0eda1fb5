"""prefect.yaml as one environment sees it."""

import pytest

from deployments.local.parts import POOLS
from deployments.registration.deploy import fingerprint
from deployments.registration.prefect_file import UnknownSetting, flow_of, full_name, read_deployments
from pipelines import PIPELINES
from setting_types import PLATFORMS
from settings import PROJECT, Settings

CLOUD_POOLS = ("sql-runner-cloud-run", "sql-runner-vertex-ai", "python-app-cloud-run", "python-app-vertex-ai")


def test_the_local_stack_has_the_deployments_on_its_own_pools():
    names = [full_name(deployment) for deployment in read_deployments(Settings(), POOLS)]

    assert {"orchestrate/rfm", "features/process", "scoring/process"} <= set(names)
    assert not [name for name in names if "cloud" in name or "vertex" in name]


def test_every_step_of_every_pipeline_has_a_deployment_for_each_platform():
    names = {full_name(deployment) for deployment in read_deployments(Settings(), [*POOLS, *CLOUD_POOLS])}

    for pipeline in PIPELINES.values():
        assert pipeline.entry in names
        assert {
            f"{step.flow}/{platform}" for step in (*pipeline.steps, *pipeline.afterwards) for platform in PLATFORMS
        } <= names


def test_a_container_finds_the_code_where_the_image_has_it_and_a_process_pulls_nothing():
    settings = Settings.model_validate({"deploy": {"code": "/srv/code"}})

    in_containers = read_deployments(settings, CLOUD_POOLS)
    in_processes = read_deployments(settings, POOLS)

    step = {"prefect.deployments.steps.set_working_directory": {"directory": "/srv/code"}}
    assert [deployment["pull"] for deployment in in_containers] == [[step]] * 6
    assert all(deployment["pull"] == [] for deployment in in_processes)


def test_a_changed_schedule_is_registered_anew():
    changed = Settings.model_validate({"orchestrator": {"cron": "0 9 * * 2"}})
    before, again, after = (read_deployments(settings, POOLS) for settings in (Settings(), Settings(), changed))

    assert fingerprint(before) == fingerprint(again) != fingerprint(after)


def test_a_name_that_is_no_setting_is_refused(tmp_path):
    file = tmp_path / "prefect.yaml"
    file.write_text("deployments: [{name: a, entrypoint: 'f.py:f', work_pool: {name: p}, tags: ['{{ $NO_SUCH }}']}]")

    with pytest.raises(UnknownSetting, match="NO_SUCH"):
        read_deployments(Settings(), ["p"], file)


def test_a_secret_does_not_get_into_a_deployment(tmp_path):
    file = tmp_path / "prefect.yaml"
    file.write_text(
        "deployments: [{name: a, entrypoint: 'f.py:f', work_pool: {name: p}, tags: ['{{ $PREFECT_API_KEY }}']}]"
    )

    with pytest.raises(UnknownSetting, match="PREFECT_API_KEY"):
        read_deployments(Settings(), ["p"], file)


def test_every_flow_has_the_name_of_its_function():
    for deployment in read_deployments(Settings(), [*POOLS, *CLOUD_POOLS]):
        source = (PROJECT / deployment["entrypoint"].partition(":")[0]).read_text()
        assert f'name="{flow_of(deployment)}"' in source
