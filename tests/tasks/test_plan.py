"""Only what does not stand is done again, and a step is told on whose result it builds."""

from contextlib import closing
from datetime import UTC, date, datetime

import pytest
from prefect import runtime

from messenger.contract import Failure
from register.register import CONTINUED_BY
from tasks import plan as module
from tasks.claim import request_of
from tasks.plan import chain_of, plan_of
from tasks.report import status_of
from warehouse.warehouse import LedgerRow
from wiring import open_register

JUNE_30 = date(1998, 6, 30)
NOW = datetime.now(UTC)


class Ledger:
    """A warehouse of which only the ledger is asked; what it has can be confirmed, unless named as `fallen`."""

    def __init__(self, *committed):
        self.committed = set(committed)

    def ledger_row(self, run_id, step):
        if (run_id, step) not in self.committed:
            return None
        return LedgerRow(run_id, "rfm", step, JUNE_30, int(run_id[-1]), "f", {}, NOW)

    def rows_by_date(self, step):
        return {}


@pytest.fixture
def runs(settings, monkeypatch):
    """Three attempts, each of which goes on where the one before failed."""
    monkeypatch.setattr(runtime.flow_run, "id", "f-1", raising=False)
    fallen = set()

    def confirm(warehouse, request, confirmed_by):
        if (request.run_id, request.step) in fallen:
            raise module.NotConfirmed("fallen")

    monkeypatch.setattr(module, "confirm", confirm)
    with closing(open_register()) as register:
        run = register.claim("rfm", JUNE_30, {}, force=False, requested_by="test", now=NOW)[0]
        found = [request_of(run)]
        for number in (2, 3):
            facts = {CONTINUED_BY: f"rfm-1998-06-30-{number}"}
            failed = status_of(found[-1], "failed", facts=facts, error=Failure(type="Lost", message="x"))
            found.append(request_of(register.go_on(failed, requested_by="test", now=NOW)))
        yield register, found, fallen


def left(plan):
    return [todo.step.name for todo in plan.left]


def test_a_new_run_has_everything_to_do(runs):
    _, [first, *_], _ = runs

    plan = plan_of(Ledger(), first, [1])

    assert (left(plan), plan.run.inputs) == (["features", "scoring"], {})


def test_a_run_that_is_taken_up_again_goes_on_after_what_it_has_committed(runs):
    _, [first, *_], _ = runs

    plan = plan_of(Ledger((first.run_id, "features")), first, [1])

    assert (left(plan), plan.run.inputs) == (["scoring"], {})


def test_the_next_attempt_builds_on_what_stands_of_the_attempts_before(runs):
    register, [first, _, third], _ = runs

    plan = plan_of(Ledger((first.run_id, "features")), third, chain_of(register, third))

    assert (left(plan), plan.run.inputs) == (["scoring"], {"features": first.run_id})


def test_what_does_not_stand_any_more_is_done_again(runs):
    register, [first, _, third], fallen = runs
    fallen.add((first.run_id, "features"))

    plan = plan_of(Ledger((first.run_id, "features")), third, chain_of(register, third))

    assert (left(plan), plan.run.inputs) == (["features", "scoring"], {})


def test_an_attempt_that_somebody_asked_for_anew_builds_on_nothing(runs):
    register, [*_, third], _ = runs
    register.note_status(status_of(third, "succeeded"))
    forced = register.claim("rfm", JUNE_30, {}, force=True, requested_by="test", now=NOW)[0]

    assert chain_of(register, third) == [3, 2, 1]
    assert chain_of(register, request_of(forced)) == [4]
