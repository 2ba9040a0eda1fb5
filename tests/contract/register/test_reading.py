"""Reading: runs are found, listed, and there again when the register is opened anew."""

from datetime import timedelta

import pytest

from register.register import RegisterUnavailable
from tests.contract.register.asking import DAY, NOW, claim, status


def test_runs_are_listed_newest_request_first(register):
    claim(register, DAY, now=NOW)
    claim(register, DAY - timedelta(days=1), now=NOW + timedelta(minutes=1))
    claim(register, pipeline="churn", now=NOW.astimezone() + timedelta(minutes=2))

    assert [run.run_id for run in register.list()] == ["churn-2026-01-05-1", "rfm-2026-01-04-1", "rfm-2026-01-05-1"]
    assert [run.run_id for run in register.list(pipeline="rfm", limit=1)] == ["rfm-2026-01-04-1"]


def test_an_unknown_run_is_none(register):
    assert register.get("rfm-2026-01-05-1") is None


def test_everything_is_there_when_the_register_is_opened_again(store, register):
    claim(register)
    register.note_status(status("succeeded"))
    known = register.get("rfm-2026-01-05-1")
    register.close()

    assert store.open().get("rfm-2026-01-05-1") == known


def test_a_closed_register_says_so(register):
    register.close()

    with pytest.raises(RegisterUnavailable, match="closed by this process"):
        register.get("rfm-2026-01-05-1")
