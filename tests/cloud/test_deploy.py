"""`make deploy` and `make undeploy` against a real Prefect server."""

import httpx
import pytest

from deployments.cloud.deploy import PrefectUnreachable, UnderWay, deploy, undeploy
from deployments.cloud.environment import read_environment
from tests.cloud.stack import CloudStack

pytestmark = pytest.mark.long

POOLS = {"sql-runner-cloud-run", "sql-runner-vertex-ai", "python-app-cloud-run", "python-app-vertex-ai"}
DEPLOYMENTS = {"features/cloud-run", "features/vertex-ai", "scoring/cloud-run", "scoring/vertex-ai"}


def changed(cloud: CloudStack, **values: str):
    """The stack's environment with other values."""
    path = cloud.folder / "changed.env"
    kept = [
        line for line in (cloud.folder / "test.env").read_text().splitlines() if line.partition("=")[0] not in values
    ]
    path.write_text("\n".join([*kept, *(f"{name}={value}" for name, value in values.items())]) + "\n")
    return read_environment(path)


def known(cloud: CloudStack):
    """Names of the pools, and of the deployments, that Prefect has on our platforms."""
    pools = {pool["name"] for pool in cloud.prefect("POST", "/work_pools/filter", json={})}
    found = set()
    for name in DEPLOYMENTS:
        answer = httpx.get(f"{cloud.record.prefect_api}/deployments/name/{name}", timeout=30)
        found |= {name} if answer.is_success else set()
    return pools & POOLS, found


def automations(cloud: CloudStack):
    return [one["name"] for one in cloud.prefect("POST", "/automations/filter", json={})]


def said(settings, **how) -> list[str]:
    lines: list[str] = []
    deploy(settings, lines.append, **how)
    return lines


def test_what_was_deployed_is_there(cloud):
    assert known(cloud) == (POOLS, DEPLOYMENTS)
    pool = cloud.prefect("GET", "/work_pools/python-app-vertex-ai")
    assert (pool["type"], pool["concurrency_limit"]) == ("vertex-ai", 4)


def test_doing_it_again_changes_nothing(cloud):
    lines = said(cloud.settings, dry_run=False)

    assert {line.split()[0] for line in lines} == {"same"}
    assert {line.split()[0] for line in said(cloud.settings, dry_run=True)} == {"same"}


def test_a_dry_run_shows_the_difference_and_changes_nothing(cloud):
    before = cloud.prefect("GET", "/work_pools/python-app-vertex-ai")
    newer = changed(cloud, DEPLOY_RFM_IMAGE="europe-west1-docker.pkg.dev/rfm-test-project/rfm/rfm:2")

    lines = said(newer, dry_run=True)

    assert "change  work pool python-app-vertex-ai" in lines
    assert any("rfm/rfm:1 -> " in line and line.endswith("rfm/rfm:2") for line in lines)
    assert "same    work pool sql-runner-cloud-run" in lines
    assert "same    automations" in lines
    assert cloud.prefect("GET", "/work_pools/python-app-vertex-ai") == before


def test_a_change_is_made(cloud):
    try:
        said(changed(cloud, DEPLOY_RUNS_AT_ONCE="2"), dry_run=False)
        assert cloud.prefect("GET", "/work_pools/python-app-vertex-ai")["concurrency_limit"] == 2
    finally:
        said(cloud.settings, dry_run=False)


def test_a_prefect_that_does_not_answer_is_said(cloud):
    with pytest.raises(PrefectUnreachable, match=r"127.0.0.1:9"):
        said(changed(cloud, PREFECT_API_URL="http://127.0.0.1:9/api"), dry_run=True)


def test_undeploy_waits_for_runs_and_then_leaves_nothing(cloud):
    flow_run = cloud.ask("features/cloud-run", "sleep 60")
    container = cloud.container_of_flow_run(flow_run)
    lines: list[str] = []
    with pytest.raises(UnderWay, match="FORCE=1"):
        undeploy(cloud.settings, lines.append, dry_run=False, force=False)
    assert known(cloud) == (POOLS, DEPLOYMENTS)
    container.kill()
    cloud.ended(flow_run)

    try:
        undeploy(cloud.settings, lines.append, dry_run=True, force=True)
        assert known(cloud) == (POOLS, DEPLOYMENTS)
        undeploy(cloud.settings, lines.append, dry_run=False, force=True)
        assert known(cloud) == (set(), set())
        assert automations(cloud) == []
    finally:
        cloud.kill_worker()
        said(cloud.settings, dry_run=False)
        cloud.start_worker()
