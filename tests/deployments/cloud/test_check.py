"""`make deploy-check`: what would fail on Google Cloud is found before, all of it in one list."""

import pytest

from deployments.cloud import check
from deployments.cloud.environment import environment_file, read_environment
from deployments.cloud.pools import pools_of
from deployments.cloud.render import render
from deployments.registration.prefect_file import full_name, read_deployments
from settings import PROJECT
from tests.deployments.cloud.given_environment import write_environment


def findings(folder, **changes):
    return check.findings(read_environment(write_environment(folder, **changes)))


@pytest.fixture
def sizes(monkeypatch):
    """Gives every deployment on a pool these job variables in the place of its own."""

    def put(**by_pool):
        def read(*arguments):
            found = read_deployments(*arguments)
            for deployment in found:
                name = deployment["work_pool"]["name"].replace("-", "_")
                if name in by_pool:
                    deployment["work_pool"] = {**deployment["work_pool"], "job_variables": by_pool[name]}
            return found

        monkeypatch.setattr(check, "read_deployments", read)

    return put


def test_nothing_is_wrong_with_a_good_environment(tmp_path):
    assert findings(tmp_path) == []


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_environments_that_ship_are_well(name):
    assert check.findings(read_environment(environment_file(name))) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"DEPLOY_PROJECT": None}, "DEPLOY_PROJECT"),
        ({"DEPLOY_REGION": None}, "DEPLOY_REGION"),
        ({"DEPLOY_REGION": "Belgium"}, "DEPLOY_REGION=Belgium"),
        ({"DEPLOY_RFM_IMAGE": "europe-west1-docker.pkg.dev/p/rfm/rfm"}, "with its tag or digest"),
        ({"DEPLOY_SQL_RUNNER_ACCOUNT": None}, "DEPLOY_SQL_RUNNER_ACCOUNT"),
        ({"DEPLOY_SECRETS": "prefect-key"}, "NAME=secret"),
        ({"DEPLOY_NETWORK": "my-vpc"}, "DEPLOY_NETWORK=my-vpc"),
        ({"PREFECT_API_URL": None}, "does not reach the Prefect of this machine"),
        ({"PREFECT_API_URL": "http://localhost:4200/api"}, "does not reach the Prefect of this machine"),
        ({"MESSENGER_KIND": None}, "MESSENGER_KIND=pubsub is needed"),
        ({"WAREHOUSE_KIND": None}, "WAREHOUSE_KIND=bigquery is needed"),
        ({"PUBLISHED_BUCKET": None}, "a container's files go with it: gs://"),
        ({"REPORT_URL": None}, "the invoker's address is needed"),
        ({"PREFECT_API_AUTH_STRING": "a:b"}, "DEPLOY_SECRETS names no secret that holds it"),
        ({"STEPS_ELSEWHERE": "rfm/training=vertex-ai"}, "there is no step rfm/training"),
        ({"STEPS_PLATFORM": "process"}, "STEPS_PLATFORM=process"),
        ({"ORCHESTRATOR_START_WITHIN": None}, "ORCHESTRATOR_START_WITHIN=300: a step on Vertex AI waits longer"),
        ({"ORCHESTRATOR_STEP_DEADLINE": "700000"}, "the longest there is"),
        ({"WAREHOUSE_PATH": f"{PROJECT}/data/w.duckdb"}, "is a path of this machine"),
    ],
)
def test_what_is_missing_or_wrong_is_named(tmp_path, changes, told):
    assert any(told in line for line in findings(tmp_path, **changes))


def test_steps_on_cloud_run_alone_start_soon(tmp_path):
    assert findings(tmp_path, STEPS_ELSEWHERE=None, ORCHESTRATOR_START_WITHIN=None) == []


def test_all_that_is_wrong_is_in_one_list(tmp_path, sizes):
    sizes(python_app_cloud_run={"cpu": "1", "memory": "8Gi"})

    told = "\n".join(findings(tmp_path, DEPLOY_REGION=None, MESSENGER_KIND=None))

    for word in ("DEPLOY_REGION", "MESSENGER_KIND", "memory 8Gi with cpu 1"):
        assert word in told


@pytest.mark.parametrize(
    ("pool", "variables", "told"),
    [
        ("sql_runner_cloud_run", {"cpu": "1", "memory": "8Gi"}, "from 512Mi to 4096Mi"),
        ("sql_runner_cloud_run", {"cpu": "4", "memory": "1Gi"}, "from 2048Mi to 16384Mi"),
        ("sql_runner_cloud_run", {"cpu": "500m", "memory": "1Gi"}, "whole CPUs"),
        ("sql_runner_cloud_run", {"memory": "1 GB"}, "does not match"),
        ("sql_runner_cloud_run", {"memry": "1Gi"}, "memry"),
        ("sql_runner_cloud_run", {"timeout": 600}, "before ORCHESTRATOR_STEP_DEADLINE=3600"),
        ("sql_runner_cloud_run", {"name": "1 name with ümlauts"}, "the name of the job"),
        ("python_app_vertex_ai", {"machine_type": "n1-standard-3"}, "machine_type n1-standard-3"),
        ("python_app_vertex_ai", {"boot_disk_size_gb": 10}, "less than the minimum"),
        ("python_app_vertex_ai", {"name": "n" * 120}, "is longer than 128"),
        ("sql_runner_cloud_run", {"env": {"K_SERVICE": "x"}}, "K_SERVICE is no name"),
        (
            "python_app_vertex_ai",
            {"env": {"PREFECT_HOME": "/home/me"}},
            "PREFECT_HOME is a setting of the worker's own",
        ),
    ],
)
def test_a_size_or_a_name_that_google_would_refuse_is_found(tmp_path, sizes, pool, variables, told):
    sizes(**{pool: variables})

    assert any(told in line for line in findings(tmp_path)), findings(tmp_path)


def rendered(folder, **changes):
    settings = read_environment(write_environment(folder, **changes))
    pools = {pool.name: pool for pool in pools_of(settings)}
    return {
        full_name(deployment): render(deployment, pools[deployment["work_pool"]["name"]])
        for deployment in read_deployments(settings, pools)
        if pools[deployment["work_pool"]["name"]].type != "process"
    }


def test_a_secret_is_a_reference_on_both_platforms(tmp_path):
    jobs = rendered(tmp_path, DEPLOY_SECRETS="PREFECT_API_KEY=prefect-key:7")

    on_cloud_run = jobs["features/cloud-run"].body["template"]["template"]["containers"][0]["env"]
    on_vertex_ai = dict(jobs["scoring/vertex-ai"].environment)
    reference = {"secretKeyRef": {"secret": "prefect-key", "version": "7"}}
    assert {"name": "PREFECT_API_KEY", "valueSource": reference} in on_cloud_run
    assert on_vertex_ai["PREFECT_API_KEY_FROM_SECRET"] == "projects/rfm-test-project/secrets/prefect-key/versions/7"
    assert "PREFECT_API_KEY" not in on_vertex_ai


def test_the_credential_of_whoever_deploys_is_in_no_job(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_KEY", "key-of-a-person")

    jobs = rendered(tmp_path)

    flows = ("features", "report", "scoring")
    assert sorted(jobs) == [f"{flow}/{platform}" for flow in flows for platform in ("cloud-run", "vertex-ai")]
    assert not [name for name, job in jobs.items() if "key-of-a-person" in str(job.body)]


def test_a_network_is_used_only_where_one_is_given(tmp_path):
    without = rendered(tmp_path)
    given = rendered(tmp_path, DEPLOY_VPC_CONNECTOR="rfm", DEPLOY_NETWORK="projects/1/global/networks/rfm")

    assert "vpcAccess" not in without["features/cloud-run"].body["template"]["template"]
    assert "network" not in without["scoring/vertex-ai"].body["jobSpec"]
    assert given["features/cloud-run"].body["template"]["template"]["vpcAccess"] == {"connector": "rfm"}
    assert given["scoring/vertex-ai"].body["jobSpec"]["network"] == "projects/1/global/networks/rfm"
