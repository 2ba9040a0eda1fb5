"""A run with its SQL runner on Cloud Run and its Python app on Vertex AI: requested, dispatched by messages,
confirmed."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.cloud.conftest import BUCKET, REFERENCE, SECRET
from tests.cloud.stack import WORKER_OWN, CloudStack
from tests.deployments.cloud.given_environment import GIVEN
from tests.e2e.local_stack import TODAY
from tests.secret_manager import TOKEN
from tests.waiting import until
from warehouse.warehouse import PUBLISHED

pytestmark = pytest.mark.long

OF_THE_SETTINGS = {
    *("MESSENGER_KIND", "MESSENGER_PROJECT", "MESSENGER_PREFIX", "WAREHOUSE_PATH"),
    "ORCHESTRATOR_START_WITHIN",
}
OF_PREFECT = {
    "PREFECT_API_URL",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY",
    "PREFECT__FLOW_RUN_ID",
    "PREFECT__FLOW_ID",
    "PREFECT__FLOW_NAME",
    "PREFECT__DEPLOYMENT_ID",
    "PREFECT__DEPLOYMENT_NAME",
    "PREFECT__WORKER_NAME",
}
NOT_ALWAYS = {"PREFECT__WORKER_ID"}
"""A worker has its id once its channel to the server stands."""


@pytest.fixture(scope="module")
def done(cloud: CloudStack):
    run_id = cloud.invoke(str(TODAY - timedelta(days=10)))
    return cloud.settled(run_id)


def test_the_run_is_confirmed(done):
    assert done["state"] == "succeeded", done
    assert {step["step"]: step["state"] for step in done["steps"]} == {
        "orchestrate": "succeeded",
        "features": "succeeded",
        "scoring": "succeeded",
    }


def test_each_step_ran_on_its_platform_and_left_its_rows(cloud, done):
    with cloud.open_warehouse() as connection:
        steps = connection.execute("select step from run_ledger where run_id = $1", [done["run_id"]]).fetchall()
        scored = connection.execute("select count(*) from rfm_scores").fetchone()[0]

    assert {step for (step,) in steps} == {"features", "scoring", PUBLISHED}
    assert scored > 200
    assert cloud.vertex.job_of(done["run_id"]) is not None
    assert cloud.cloud_run.seen_of(done["run_id"])[0]["labels"]["step"] == "features"


def test_what_is_published_is_in_the_bucket_and_the_invoker_answers_from_it(cloud, bucket, done):
    """The bucket is a folder for the invoker, as where Cloud Run mounts it."""
    files = bucket.files()
    day = f"{BUCKET}/rfm/{done['run_date']}"
    manifest = json.loads(files.cat_file(f"{day}/manifest.json"))

    assert manifest["run_id"] == done["run_id"]
    for name, checksum in manifest["sha256"].items():
        assert hashlib.sha256(files.cat_file(f"{day}/{name}")).hexdigest() == checksum
    answer = until(lambda: segments(cloud, done["run_date"]), 300, "the snapshot")
    assert answer["run_id"] == done["run_id"]


def test_the_report_follows_on_the_platform_of_its_step(cloud, done):
    page = until(lambda: report(cloud, done["run_date"]), 300, "the report")

    assert done["run_id"] in page
    assert [one["labels"]["step"] for one in cloud.cloud_run.seen_of(done["run_id"])] == ["features", "report"]
    told = until(lambda: facts_of(cloud, done["run_id"], "report"), 120, "the word of the report")
    assert told["report"] == f"{GIVEN['REPORT_URL']}/report/{done['run_date']}"


def facts_of(cloud: CloudStack, run_id: str, step: str) -> dict[str, Any]:
    """Nothing before the step has ended well."""
    return next((news["facts"] for news in cloud.run(run_id)["steps"] if news["step"] == step), {})


def segments(cloud: CloudStack, run_date: str) -> Any:
    """From the snapshot, which is published after the run as the report is."""
    answer = httpx.get(f"{cloud.record.invoker}/segments", params={"run_date": run_date}, timeout=30)
    return answer.json() if answer.status_code == httpx.codes.OK else None


def report(cloud: CloudStack, run_date: str) -> str | None:
    answer = httpx.get(f"{cloud.record.invoker}/report/{run_date}", timeout=30)
    return answer.text if answer.is_success else None


def test_what_the_platform_has_started_bears_the_run_in_its_labels(cloud, done):
    labels = cloud.vertex.job_of(done["run_id"]).labels

    assert (labels["run_id"], labels["pipeline"], labels["step"]) == (done["run_id"], "rfm", "scoring")


def test_a_container_has_what_its_settings_need_and_nothing_of_the_workers_machine(cloud, done):
    features, scoring = (cloud.container_of(f"{done['run_id']}/{step}") for step in ("features", "scoring"))
    common = OF_PREFECT | OF_THE_SETTINGS

    of_scoring = {"PUBLISHED_BUCKET", "REPORT_URL", "PREFECT_API_KEY_FROM_SECRET"}
    assert set(features.environment) - NOT_ALWAYS == common | {"SOURCE_PATH", "PREFECT_API_KEY"}
    assert set(scoring.environment) - NOT_ALWAYS == common | of_scoring
    for container in (features, scoring):
        assert not set(container.environment.values()) & set(WORKER_OWN.values())


def test_a_secret_reaches_its_container_and_is_in_no_job(cloud, secrets, done):
    """Cloud Run puts it in; on Vertex AI the container has to ask for it, or it does not start."""
    features = cloud.container_of(f"{done['run_id']}/features")

    assert features.environment["PREFECT_API_KEY"] == SECRET
    assert (REFERENCE, TOKEN) in secrets.asked
    jobs = [*cloud.cloud_run.seen_of(done["run_id"]), cloud.vertex.job_of(done["run_id"])]
    assert "prefect-key" in str(jobs)
    assert SECRET not in str(jobs)


def test_the_job_on_cloud_run_is_removed_when_it_is_done(cloud, done):
    until(lambda: cloud.cloud_run.job_of(done["run_id"]) is None, 120, "the job to be removed")
