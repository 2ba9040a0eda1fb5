"""What nobody needs any more is found, shown, and removed unless it is a dry run; and nothing else."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from googleapiclient.discovery import build
from httplib2 import Response
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.states import Completed, Running

from messenger.contract import ORCHESTRATE, RunStatus
from messenger.messenger import STANDING, STATUSES
from tasks.housekeeping import NotSwept, require_swept
from tasks.listen import run_of, waiter_of
from tests.waiting import until
from watch.housekeeping import sweeps
from watch.leftovers import Leftover, Sweep, sweep
from watch.old_jobs import orphaned_jobs
from watch.old_runs import has_ended
from wiring import open_messenger, open_register

NOW = datetime.now(UTC)


@pytest.fixture
def client(prefect):
    with get_client(sync_client=True) as client:
        yield client


def flow_run(client, state):
    """A flow run that has come to this state just now."""

    @flow
    def old() -> None: ...

    made = client.create_flow_run(old, name=f"old-{uuid4().hex[:8]}", state=Running())
    client.set_flow_run_state(made.id, state, force=True)
    return made


def after(days):
    """So many days after now."""
    return datetime.now(UTC) + timedelta(days=days)


def swept(client, settings, kind, *, dry_run=False, now=NOW):
    [wanted] = [one for one in sweeps(client, settings, run_of, now) if one.kind == kind]
    return sweep(wanted, dry_run=dry_run)


def names(client):
    return {one.name for one in client.read_flow_runs(limit=200)}


def test_flow_runs_that_ended_long_ago_go_and_others_stay(client, configured):
    settings = configured(HOUSEKEEPING_FLOW_RUNS=30)
    old, running = flow_run(client, Completed()), flow_run(client, Running())
    now = after(days=30)
    young = flow_run(client, Completed())

    shown = swept(client, settings, "flow runs", dry_run=True, now=now)
    assert shown.found >= 1
    assert shown.removed == 0
    assert {old.name, young.name, running.name} <= names(client)

    done = swept(client, settings, "flow runs", now=now)
    assert (done.removed, done.trouble) == (shown.found, None)
    assert old.name not in names(client)
    assert {young.name, running.name} <= names(client)


def test_the_artifacts_and_logs_of_a_flow_run_go_with_it(client, configured):
    old = flow_run(client, Completed())
    body = {"key": "old", "type": "markdown", "data": "text", "flow_run_id": str(old.id)}
    artifact = client.request("POST", "/artifacts/", json=body).json()["id"]
    said = {"name": "old", "level": 20, "message": "said", "timestamp": NOW.isoformat(), "flow_run_id": str(old.id)}
    client.request("POST", "/logs/", json=[said])
    assert logs(client, old) == ["said"]

    swept(client, configured(), "flow runs", now=after(days=30))

    assert UUID(artifact) not in {one.id for one in client.read_artifacts(limit=200)}
    until(lambda: logs(client, old) == [], 60, "the logs to go: Prefect removes them a little later")


def logs(client, of):
    found = client.request("POST", "/logs/filter", json={"logs": {"flow_run_id": {"any_": [str(of.id)]}}}).json()
    return [one["message"] for one in found]


def test_subscriptions_of_runs_that_have_ended_go(client, configured):
    settings = configured(HOUSEKEEPING_WAITERS=1)
    with closing(open_messenger(settings)) as messenger, closing(open_register(settings)) as register:
        messenger.setup()
        for run_id, state, age in [
            ("rfm-2026-06-01-1", "succeeded", timedelta(days=2)),
            ("rfm-2026-06-02-1", "succeeded", timedelta(hours=2)),
            ("rfm-2026-06-03-1", "started", timedelta(days=2)),
            ("rfm-2026-06-04-1", None, None),
        ]:
            messenger.subscribe(waiter_of(run_id), STATUSES, run_id=run_id)
            if state:
                register.note_status(
                    RunStatus(
                        run_id=run_id,
                        pipeline="rfm",
                        step=ORCHESTRATE,
                        run_date=run_id[4:14],
                        attempt=1,
                        state=state,
                        at=NOW - age,
                    )
                )

        assert swept(client, settings, "subscriptions", dry_run=True).found == 1
        assert swept(client, settings, "subscriptions").removed == 1

        left = {run_of(name) for name in messenger.subscriptions()} - {None}
        assert left == {"rfm-2026-06-02-1", "rfm-2026-06-03-1", "rfm-2026-06-04-1"}
        assert set(STANDING) <= set(messenger.subscriptions())


def test_staging_that_a_killed_process_left_goes_when_it_is_old(client, configured, tmp_path):
    folder = tmp_path / "warehouse.duckdb.staging" / "rfm-2026-06-01-1-x"
    folder.mkdir(parents=True)
    settings = configured(HOUSEKEEPING_STAGING=1)

    assert swept(client, settings, "staging").found == 0
    assert swept(client, settings, "staging", now=NOW + timedelta(days=2)).removed == 1
    assert not folder.exists()


def cloud_run(pages):
    """Google's own client for Cloud Run, and what it asked for: the network alone is made up."""
    asked = []

    def answer(uri, method="GET", **_):
        asked.append((method, uri))
        page = pages[1] if "pageToken" in uri else pages[0]
        content = {} if method == "DELETE" else {"jobs": page, **({"nextPageToken": "2"} if page is pages[0] else {})}
        return Response({"status": "200"}), json.dumps(content).encode()

    jobs = build("run", "v2", http=SimpleNamespace(request=answer, close=lambda: None)).projects().locations().jobs()
    return jobs, asked


def test_cloud_run_jobs_of_ended_flow_runs_go_and_what_prefect_did_not_make_is_never_touched():
    def job(name, flow_run, made="2026-11-20T00:00:00Z"):
        labels = {"prefect-io-flow-run-id": flow_run} if flow_run else {}
        return {"name": f"projects/p/locations/r/jobs/{name}", "createTime": made, "labels": labels}

    jobs, asked = cloud_run(
        [
            [job("orphan", "ended"), job("running", "alive"), job("of-others", None)],
            [job("second-page", "ended"), job("young", "ended", made="2026-11-25T00:00:00Z")],
        ]
    )
    before = datetime(2026, 11, 24, tzinfo=UTC)
    wanted = Sweep(
        "jobs", lambda: orphaned_jobs(jobs, "projects/p/locations/r", lambda flow_run: flow_run != "alive", before)
    )

    assert sweep(wanted, dry_run=True).found == 2
    assert {method for method, _ in asked} == {"GET"}
    assert sweep(wanted, dry_run=False).removed == 2
    deleted = [uri.partition("?")[0].rpartition("/")[2] for method, uri in asked if method == "DELETE"]
    assert deleted == ["orphan", "second-page"]


def test_a_flow_run_that_nobody_knows_any_more_has_ended(client):
    assert has_ended(client, str(uuid4()))
    assert has_ended(client, str(flow_run(client, Completed()).id))
    assert not has_ended(client, str(flow_run(client, Running()).id))


def test_cloud_run_is_looked_at_only_where_it_is_named(client, configured):
    def kinds(**settings):
        return [one.kind for one in sweeps(client, configured(**settings), run_of, NOW)]

    assert "Cloud Run jobs" not in kinds()
    assert "Cloud Run jobs" in kinds(HOUSEKEEPING_CLOUD_RUN="projects/p/locations/europe-west1")


def test_what_cannot_be_removed_is_said_and_fails_the_flow():
    def fail():
        raise PermissionError("of customers")

    done = sweep(Sweep("staging", lambda: [Leftover("one", NOW, fail)]), dry_run=False)

    assert (done.found, done.removed, done.trouble) == (1, 0, "PermissionError")
    with pytest.raises(NotSwept, match="staging: PermissionError"):
        require_swept([done])
