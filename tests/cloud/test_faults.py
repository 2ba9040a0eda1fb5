"""What goes wrong on the platforms, and the clear end it comes to.

Where prefect-gcp's worker gives up, its flow run ends as Crashed with the cause in its state: that is what the
orchestrator sees, and what its next attempt starts from.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from google.auth.credentials import AnonymousCredentials
from googleapiclient.discovery import build
from grpc import StatusCode

from tests.cloud import cloud_run, vertex
from tests.cloud.stack import CloudStack
from tests.e2e.local_stack import TODAY
from tests.waiting import until
from watch.old_jobs import orphaned_jobs

pytestmark = pytest.mark.long

RUN, AI = "features/cloud-run", "scoring/vertex-ai"
BOTH = pytest.mark.parametrize("deployment", [RUN, AI])
WELL = "true"
"""A container's command that ends at once, and well: what is tested is what the worker makes of the platform."""


def refused(status: int) -> cloud_run.Refused:
    return cloud_run.Refused(status, "The service is currently unavailable.")


def pending_or_better(cloud: CloudStack, flow_run: str) -> bool:
    return cloud.flow_run(flow_run)["state"]["type"] not in ("CRASHED", "FAILED", "CANCELLED")


@BOTH
def test_a_container_that_ends_badly_is_a_crash_and_the_state_says_the_exit_code_was_not_zero(cloud, deployment):
    flow_run = cloud.ask(deployment, "python3 -c 'raise SystemExit(3)'")

    state = cloud.ended(flow_run)

    assert state["type"] == "CRASHED"
    assert "non-zero status code" in state["message"]
    assert cloud.container_of_flow_run(flow_run).exit_code == 3


@BOTH
def test_a_container_that_is_killed_is_a_crash(cloud, deployment):
    flow_run = cloud.ask(deployment, "sleep 60")
    container = cloud.container_of_flow_run(flow_run)

    container.kill()

    assert cloud.ended(flow_run)["type"] == "CRASHED"
    assert container.exit_code == 137


@BOTH
def test_the_platforms_timeout_ends_the_container_and_the_run(cloud, deployment):
    cloud.vertex.hour = 1
    timeout = {"timeout": 1} if deployment == RUN else {"maximum_run_time_hours": 1}
    flow_run = cloud.ask(deployment, "sleep 60", **timeout)

    assert cloud.ended(flow_run)["type"] == "CRASHED"
    assert cloud.container_of_flow_run(flow_run).timed_out


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_error_of_cloud_run_costs_time_and_nothing_else(cloud, status):
    """Of each of its calls: the job is created, looked at, started and watched."""
    for operation in ("create", "get", "run", "poll"):
        cloud.cloud_run.troubles.plan(operation, refused(status))
    flow_run = cloud.ask(RUN, "sleep 1")

    container = cloud.container_of_flow_run(flow_run)
    job = cloud.cloud_run.job_of(container_label(cloud, flow_run))
    until(lambda: job["name"] in cloud.cloud_run.deleted, 120, "the worker to have seen the end of the job")

    assert container.exit_code == 0
    assert cloud.cloud_run.troubles.left() == 0
    assert pending_or_better(cloud, flow_run)


def test_a_start_whose_answer_is_lost_does_not_start_the_step_twice(cloud):
    cloud.cloud_run.troubles.plan("run", cloud_run.LostAnswer(503))
    flow_run = cloud.ask(RUN, "sleep 1")

    cloud.container_of_flow_run(flow_run)
    label = container_label(cloud, flow_run)
    until(lambda: cloud.cloud_run.job_of(label) is None, 120, "the worker to have seen the end of the job")

    assert len(cloud.cloud_run.seen_of(label)) == 1


@pytest.mark.parametrize("operation", ["create", "run"])
def test_cloud_run_that_stays_unavailable_is_a_crash_with_the_cause(cloud, operation):
    cloud.cloud_run.troubles.plan(operation, *[refused(503)] * 3)
    flow_run = cloud.ask(RUN, WELL)

    state = cloud.ended(flow_run)

    assert state["type"] == "CRASHED"
    assert "503" in state["message"]


def test_a_used_up_quota_of_cloud_run_is_said_in_the_state(cloud):
    words = "Quota exceeded for quota metric 'Job run requests' and limit 'Job run requests per minute'"
    cloud.cloud_run.troubles.plan("create", *[cloud_run.Refused(429, words)] * 3)
    flow_run = cloud.ask(RUN, WELL)

    state = cloud.ended(flow_run)

    assert state["type"] == "CRASHED"
    assert words in state["message"]


@pytest.mark.parametrize("code", [StatusCode.RESOURCE_EXHAUSTED, StatusCode.INTERNAL, StatusCode.UNAVAILABLE])
def test_a_passing_error_of_vertex_ai_costs_time_and_nothing_else(cloud, code):
    """When the job is created. A look at it that fails is another matter: the worker looks no more."""
    cloud.vertex.troubles.plan("create", vertex.Refused(code, "try again"))
    flow_run = cloud.ask(AI, WELL)

    container = cloud.container_of_flow_run(flow_run)

    until(lambda: container.exit_code == 0, 120, "the container's end")
    assert cloud.vertex.troubles.left() == 0
    assert pending_or_better(cloud, flow_run)


@BOTH
def test_a_worker_that_loses_sight_of_a_job_concludes_nothing_from_it(cloud, deployment):
    """Its step goes on, and says itself how it went. Cloud Run is asked three times, Vertex AI once."""
    platform, unavailable = (
        (cloud.cloud_run, refused(503))
        if deployment == RUN
        else (cloud.vertex, vertex.Refused(StatusCode.UNAVAILABLE, "try again"))
    )
    flow_run = cloud.ask(deployment, "sleep 200")
    container = cloud.submitted(flow_run)

    platform.troubles.plan("poll", *[unavailable] * 10)

    until(lambda: any("Lost connection" in line for line in cloud.logs(flow_run)), 120, "the worker to give up")
    assert container.running
    assert pending_or_better(cloud, flow_run)
    container.kill()


def test_a_used_up_quota_of_vertex_ai_is_a_crash_and_the_log_of_the_run_says_which(cloud):
    words = "The following quota metrics exceed quota limits: aiplatform.googleapis.com/custom_model_training_cpus"
    cloud.vertex.troubles.plan("create", *[vertex.Refused(StatusCode.RESOURCE_EXHAUSTED, words)] * 3)
    flow_run = cloud.ask(AI, WELL)

    state = cloud.ended(flow_run)

    assert state["type"] == "CRASHED"
    assert "ResourceExhausted" in state["message"]
    until(lambda: any(words in line for line in cloud.logs(flow_run)), 120, "the quota in the log of the flow run")


@contextmanager
def waiting_for_the_warehouse(cloud: CloudStack, run_id: str, step: str) -> Iterator[str]:
    """The flow run of the step. It has said that it has started, and waits: the warehouse is held here since the
    orchestrator has read it and asked for the step.
    """
    flow_run = until(lambda: cloud.flow_run_of(f"{run_id}/{step}"), 300, "the step to be asked for")["id"]
    with cloud.open_warehouse():
        started = {"step": step, "state": "started"}
        until(lambda: any(started.items() <= news.items() for news in cloud.run(run_id)["steps"]), 120, "its start")
        yield flow_run


def confirmed(cloud: CloudStack, run_id: str) -> None:
    """And its report is under way, so that it does not get the troubles of the next test."""
    run = cloud.settled(run_id)
    assert run["state"] == "succeeded", run
    until(lambda: "report" in [job["labels"]["step"] for job in cloud.cloud_run.seen_of(run_id)], 120, "the report")


@pytest.mark.parametrize(("step", "days_ago"), [("features", 50), ("scoring", 51)])
def test_a_running_step_that_is_cancelled_ends_with_its_container_and_so_does_the_run(cloud, step, days_ago):
    run_id = cloud.invoke(str(TODAY - timedelta(days=days_ago)))
    with waiting_for_the_warehouse(cloud, run_id, step) as flow_run:
        container = cloud.container_of_flow_run(flow_run)

        cancel(cloud, flow_run)

        assert cloud.ended(flow_run)["type"] == "CANCELLED"
        until(lambda: not container.running, 180, "the container's end")
    run = cloud.settled(run_id)
    assert run["state"] == "failed"
    assert step in run["error"]["message"]


@pytest.mark.parametrize(("step", "days_ago"), [("features", 60), ("scoring", 61)])
def test_a_step_whose_container_the_platform_ends_says_itself_that_it_failed(cloud, step, days_ago):
    """As at the platform's timeout, or when somebody cancels the job there: the first process is told, nobody else."""
    run_id = cloud.invoke(str(TODAY - timedelta(days=days_ago)))
    with waiting_for_the_warehouse(cloud, run_id, step) as flow_run:
        container = cloud.container_of_flow_run(flow_run)

        container.stop()

        assert cloud.ended(flow_run)["type"] == "CRASHED"
        until(lambda: not container.running, 180, "the container's end")
    assert "TerminationSignal" in cloud.settled(run_id)["error"]["message"]
    confirmed(cloud, next_attempt(run_id))


@BOTH
def test_a_run_that_is_cancelled_before_its_container_starts_ends_and_so_does_the_job(cloud, deployment):
    """Prefect's server ends what nobody cancels within five minutes, and has a worker end its job."""
    cloud.machine.starts = False
    flow_run = cloud.ask(deployment, WELL)
    container = cloud.submitted(flow_run)

    cancel(cloud, flow_run)

    assert cloud.ended(flow_run)["type"] == "CANCELLED"
    until(lambda: container.cancelled, 120, "the job's end")


def test_a_step_whose_container_never_starts_is_given_up_and_tried_again_and_its_job_is_removed(cloud):
    cloud.machine.starts = False
    run_id = cloud.orchestrate(TODAY - timedelta(days=70), ORCHESTRATOR_START_WITHIN="60")
    given_up = until(lambda: cloud.flow_run_of(f"{run_id}/features"), 120, "the step to be asked for")["id"]
    cloud.submitted(given_up)
    cloud.machine.starts = True

    first = cloud.settled(run_id)

    assert first["error"]["type"] == "NeverStarted"
    assert "look at the workers of its pool" in first["error"]["message"]
    confirmed(cloud, next_attempt(run_id))
    assert cloud.ended(given_up)["type"] == "CANCELLED"
    until(lambda: cloud.cloud_run.job_of(run_id) is None, 120, "the job to be removed")


def test_a_step_that_crashes_is_said_clearly_and_tried_again_by_the_next_attempt(cloud):
    cloud.cloud_run.troubles.plan("create", *[refused(503)] * 3)
    run_id = cloud.invoke(str(TODAY - timedelta(days=40)))

    first = cloud.settled(run_id)

    assert first["state"] == "failed"
    assert "features" in first["error"]["message"]
    assert "Crashed" in first["error"]["message"]
    confirmed(cloud, next_attempt(run_id))


def test_a_killed_worker_loses_no_step_leaves_its_job_to_be_swept_and_the_next_one_takes_up_what_waits(cloud):
    under_way = cloud.ask(RUN, "sleep 2")
    container = cloud.container_of_flow_run(under_way)
    label = container_label(cloud, under_way)

    cloud.kill_worker()
    try:
        asked_meanwhile = cloud.ask(AI, WELL)
        until(lambda: container.exit_code == 0, 120, "the container's own end")
        assert cloud.cloud_run.job_of(label) is not None
    finally:
        cloud.start_worker()

    until(lambda: cloud.container_of_flow_run(asked_meanwhile).exit_code == 0, 180, "the end of what waited")
    sweep(cloud, ended=under_way)
    assert cloud.cloud_run.job_of(label) is None


def sweep(cloud: CloudStack, ended: str) -> None:
    """As the flow housekeeping does it, with Google's own client, a day later."""
    client = build(
        "run", "v2", credentials=AnonymousCredentials(), client_options={"api_endpoint": cloud.cloud_run.url}
    )
    jobs = client.projects().locations().jobs()
    deploy = cloud.settings.deploy
    parent = f"projects/{deploy.project}/locations/{deploy.region}"
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for job in list(orphaned_jobs(jobs, parent, lambda flow_run: flow_run == ended, tomorrow)):
        job.remove()


def cancel(cloud: CloudStack, flow_run: str) -> None:
    cloud.prefect("POST", f"/flow_runs/{flow_run}/set_state", json={"state": {"type": "CANCELLING"}})


def next_attempt(run_id: str) -> str:
    return f"{run_id.removesuffix('-1')}-2"


def container_label(cloud: CloudStack, flow_run: str) -> str:
    return cloud.flow_run(flow_run)["job_variables"]["labels"]["run_id"]
