"""Claims: an attempt is handed out once, however many ask at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from register.register import ParametersConflict
from tests.contract.register.asking import DAY, NOW, claim, status
from tests.processes import outputs


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
from datetime import UTC, date, datetime
for _ in range(250):
    run, new = register.claim("rfm", date(2026, 1, 5), {}, force=False, requested_by="x", now=datetime.now(UTC))
    print(run.run_id, new)
"""


def test_a_thousand_claims_of_one_date_from_several_processes_make_one_run(store):
    answers = [line for lines in outputs([(store.script + CLAIMS, ())] * 4) for line in lines]

    assert len(answers) == 1000
    assert sorted(set(answers)) == ["rfm-2026-01-05-1 False", "rfm-2026-01-05-1 True"]
    assert answers.count("rfm-2026-01-05-1 True") == 1


def test_a_thousand_claims_of_one_date_at_once_in_one_process_make_one_run(register):
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: claim(register), range(1000)))

    assert [new for _, new in answers].count(True) == 1
    assert {run.run_id for run, _ in answers} == {"rfm-2026-01-05-1"}


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
