"""The register in a file: attempts are handed out once, news is merged, and all of it outlives the process."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from messenger.contract import Failure, RunRequest, RunStatus
from register.register import ParametersConflict, RegisterUnavailable
from register.sqlite import SqliteRegister
from tests.processes import outputs

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
DAY = date(2026, 1, 5)
BOOM = Failure(type="Boom", message="it broke")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "register.db"


@pytest.fixture
def register(path):
    register = SqliteRegister(path)
    yield register
    register.close()


def claim(register, day=DAY, parameters=None, *, pipeline="rfm", force=False, now=NOW):
    return register.claim(pipeline, day, parameters or {}, force=force, requested_by="test", now=now)


def status(state, *, step="orchestrate", attempt=1, minutes=1, **fields):
    return RunStatus(
        run_id=f"rfm-2026-01-05-{attempt}",
        pipeline="rfm",
        step=step,
        run_date=DAY,
        attempt=attempt,
        state=state,
        error=BOOM if state == "failed" else None,
        at=NOW + timedelta(minutes=minutes),
        **fields,
    )


def request(step="features", attempt=1):
    return RunRequest(
        run_id=f"rfm-2026-01-05-{attempt}",
        pipeline="rfm",
        step=step,
        run_date=DAY,
        attempt=attempt,
        parameters={"model": "frozen"},
        requested_by="somebody",
        requested_at=NOW,
        deadline=NOW,
    )


# claims


def test_the_first_claim_makes_the_run(register):
    run, new = claim(register, parameters={"model": "frozen", "bins": 5, "note": None})

    assert new
    assert (run.run_id, run.attempt, run.state, run.published) == ("rfm-2026-01-05-1", 1, "requested", False)
    assert (run.parameters, run.requested_by) == ({"model": "frozen", "bins": 5, "note": None}, "test")
    assert (run.run_date, run.requested_at, run.error, run.steps) == (DAY, NOW, None, [])
    assert register.get(run.run_id) == run


def test_the_same_claim_again_is_answered_by_the_same_run(register):
    first, _ = claim(register)

    assert claim(register, now=NOW + timedelta(days=1)) == (first, False)


def test_another_date_and_another_pipeline_are_other_runs(register):
    claim(register)

    assert claim(register, DAY + timedelta(days=1))[0].run_id == "rfm-2026-01-06-1"
    assert claim(register, pipeline="churn")[0].run_id == "churn-2026-01-05-1"


def test_other_parameters_are_refused_and_nothing_is_claimed(register):
    claim(register, parameters={"a": 1})

    with pytest.raises(ParametersConflict):
        claim(register, parameters={"a": 2})

    assert len(register.list()) == 1


def test_force_and_failure_make_a_new_attempt(register):
    claim(register)
    assert claim(register, force=True)[0].attempt == 2
    register.note_status(status("failed", attempt=2))

    run, new = claim(register, parameters={"other": 1})

    assert (run.attempt, new) == (3, True)


def test_the_newest_attempt_answers(register):
    claim(register)
    claim(register, force=True)
    register.note_status(status("failed", attempt=1))

    run, new = claim(register)

    assert (run.attempt, new) == (2, False)


CLAIMS = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from register.sqlite import SqliteRegister
register = SqliteRegister(Path(sys.argv[1]))
for _ in range(250):
    run, new = register.claim("rfm", date(2026, 1, 5), {}, force=False, requested_by="x", now=datetime.now(UTC))
    print(run.run_id, new)
"""


def test_a_thousand_claims_of_one_date_from_several_processes_make_one_run(path):
    answers = [line for lines in outputs([(CLAIMS, (path,))] * 4) for line in lines]

    assert len(answers) == 1000
    assert sorted(set(answers)) == ["rfm-2026-01-05-1 False", "rfm-2026-01-05-1 True"]
    assert answers.count("rfm-2026-01-05-1 True") == 1


def test_forced_claims_of_many_threads_get_an_attempt_each(register):
    with ThreadPoolExecutor(16) as pool:
        runs = list(pool.map(lambda _: claim(register, force=True), range(64)))

    assert sorted(run.attempt for run, _ in runs) == list(range(1, 65))


def test_claims_of_many_dates_at_once_are_all_kept(register):
    barrier = threading.Barrier(8)

    def claim_days(thread):
        barrier.wait()
        return [claim(register, DAY + timedelta(days=8 * number + thread))[1] for number in range(25)]

    with ThreadPoolExecutor(8) as pool:
        assert all(all(new) for new in pool.map(claim_days, range(8)))
    assert len(register.list(limit=1000)) == 200


# news


def test_a_run_stays_unpublished_until_it_is_marked(register):
    run, _ = claim(register)
    assert claim(register)[0].published is False

    register.mark_published(run.run_id)

    assert register.get(run.run_id).published is True


def test_a_run_tells_its_steps_and_is_where_its_orchestration_is(register):
    claim(register)
    register.note_status(status("started", flow_run_id="f1"))
    register.note_request(request("features"))
    register.note_status(status("succeeded", step="features", facts={"customers": 3}))

    run = register.get("rfm-2026-01-05-1")

    assert run.state == "started"
    assert [(news.step, news.state) for news in run.steps] == [("orchestrate", "started"), ("features", "succeeded")]
    assert (run.steps[0].flow_run_id, run.steps[1].facts) == ("f1", {"customers": 3})


def test_a_failed_run_says_why(register):
    claim(register)
    register.note_status(status("failed"))

    run = register.get("rfm-2026-01-05-1")

    assert (run.state, run.error, run.final) == ("failed", BOOM, True)


def test_late_and_doubled_news_change_nothing(register):
    claim(register)
    for _ in range(2):
        register.note_status(status("succeeded", minutes=2))
    before = register.get("rfm-2026-01-05-1")

    register.note_status(status("started", minutes=1))
    register.note_status(status("failed", minutes=3))
    register.note_request(request("orchestrate"))

    after = register.get("rfm-2026-01-05-1")
    assert after.steps == before.steps
    assert after.state == "succeeded"


def test_news_of_one_attempt_do_not_touch_another(register):
    claim(register)
    claim(register, force=True)

    register.note_status(status("failed", attempt=1))

    assert register.get("rfm-2026-01-05-2").state == "requested"


def test_a_run_known_only_by_its_news_is_not_numbered_again(register):
    """As after a lost register: attempt 1 must not be handed out once more."""
    register.note_status(status("failed", attempt=1))
    register.note_request(request("orchestrate", attempt=2))

    asked = register.get("rfm-2026-01-05-2")
    assert (asked.requested_by, asked.parameters, asked.published) == ("somebody", {"model": "frozen"}, True)
    assert claim(register, parameters={"model": "frozen"}) == (asked, False)
    assert claim(register, force=True)[0].attempt == 3


def test_a_status_alone_makes_a_run_known(register):
    register.note_status(status("failed", attempt=1))

    assert register.get("rfm-2026-01-05-1").error == BOOM
    assert claim(register)[0].attempt == 2


# reading


def test_runs_are_listed_newest_request_first(register):
    claim(register, DAY, now=NOW)
    claim(register, DAY - timedelta(days=1), now=NOW + timedelta(minutes=1))
    claim(register, pipeline="churn", now=NOW.astimezone() + timedelta(minutes=2))

    assert [run.run_id for run in register.list()] == ["churn-2026-01-05-1", "rfm-2026-01-04-1", "rfm-2026-01-05-1"]
    assert [run.run_id for run in register.list(pipeline="rfm", limit=1)] == ["rfm-2026-01-04-1"]


def test_an_unknown_run_is_none(register):
    assert register.get("rfm-2026-01-05-1") is None


def test_everything_is_there_when_the_file_is_opened_again(path, register):
    claim(register)
    register.note_status(status("succeeded"))
    known = register.get("rfm-2026-01-05-1")
    register.close()

    again = SqliteRegister(path)

    assert again.get("rfm-2026-01-05-1") == known
    again.close()


def test_a_file_that_is_no_database_is_unavailable(path):
    path.write_bytes(b"no database " * 1000)

    with pytest.raises(RegisterUnavailable, match="not a database"):
        SqliteRegister(path)
