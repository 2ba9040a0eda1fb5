"""A backfill asks for each date in order, skips what is confirmed, and goes on after a failure and after a kill."""

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.client.schemas.objects import StateType
from prefect.states import State

from messenger.contract import ORCHESTRATE, Failure, RunRequest, RunStatus
from messenger.messenger import REQUESTS
from register.ask import ask, attempts
from register.register import RegisterUnavailable
from tasks.backfill_run import Backfill
from wiring import open_messenger, open_register

MINUTE = timedelta(minutes=1)
FIRST = date(2026, 6, 1)
DAYS = [FIRST + timedelta(days=number) for number in range(30)]


class Workload:
    """Stands for invoker and orchestrator: takes each request, and ends its flow run and run as told."""

    def __init__(self, register, messenger):
        self.register, self.messenger = register, messenger
        self.heard, self.most_under_way, self.fails, self.crashes, self.silent = [], 0, set(), set(), set()
        messenger.subscribe("workload", REQUESTS)

    def find_flow_run(self, request):
        """What Prefect knows of the run's flow run; a look brings the work forward by one request."""
        deliveries = self.messenger.pull("workload", limit=1, wait=0)
        for delivery in deliveries:
            heard = RunRequest.model_validate_json(delivery.body)
            self.heard.append(heard)
            if heard.run_date not in self.crashes | self.silent:
                self.register.note_status(self.status(heard))
            self.messenger.ack(delivery)
        if request.run_date in self.silent or request.run_id not in {one.run_id for one in self.heard}:
            return None
        kind = StateType.CRASHED if request.run_date in self.crashes else StateType.FAILED
        return SimpleNamespace(state=State(type=kind))

    def status(self, request):
        failed = request.run_date in self.fails
        return RunStatus(
            **request.model_dump(include={"run_id", "pipeline", "run_date", "attempt"}),
            step=ORCHESTRATE,
            state="failed" if failed else "succeeded",
            error=Failure(type="StepFailed", message="no orders") if failed else None,
            at=datetime.now(UTC),
        )

    @property
    def asked(self):
        return [one.run_date for one in self.heard]


@pytest.fixture
def workload(settings):
    with closing(open_register()) as register, closing(open_messenger()) as messenger:
        yield Workload(register, messenger)


@pytest.fixture
def backfill(workload):
    def run(days=DAYS, mark="backfill 1", at_once=1, stop_on_failure=False, patience=MINUTE, report=None, **wish):
        one = Backfill(
            workload.register,
            workload.messenger,
            workload.find_flow_run,
            "rfm",
            wish.get("parameters", {}),
            wish.get("force", False),
            mark,
            deadline=MINUTE,
            patience=patience,
        )
        report = report or (lambda outcome: None)
        return one.run(days, at_once=at_once, stop_on_failure=stop_on_failure, report=report, pause=0.001)

    return run


def states(outcomes):
    return [outcome.state for outcome in outcomes]


def test_thirty_dates_are_asked_for_in_order_as_thirty_single_users_would(workload, backfill):
    outcomes = backfill()

    assert states(outcomes) == ["confirmed"] * 30
    assert workload.asked == DAYS
    by_backfill = list(workload.heard)
    single = {
        day: ask(
            workload.register, workload.messenger, "rfm", day, {}, force=True, requested_by="somebody", deadline=MINUTE
        )[0]
        for day in DAYS
    }
    for _ in DAYS:
        workload.find_flow_run(by_backfill[0])
    asked_singly = workload.heard[30:]
    different = {"run_id", "attempt", "requested_by", "requested_at", "deadline"}
    assert [one.model_dump(exclude=different) for one in by_backfill] == [
        one.model_dump(exclude=different) for one in asked_singly
    ]
    assert {one.run_id for one in asked_singly} == {run.run_id for run in single.values()}


def test_what_is_confirmed_is_skipped_and_asked_for_anew_only_by_force(workload, backfill):
    backfill(DAYS[:3], mark="backfill 1")

    assert states(backfill(DAYS[:4], mark="backfill 2")) == ["skipped"] * 3 + ["confirmed"]
    forced = backfill(DAYS[:2], mark="backfill 3", force=True)
    assert [(one.state, one.run_id) for one in forced] == [
        ("confirmed", "rfm-2026-06-01-2"),
        ("confirmed", "rfm-2026-06-02-2"),
    ]


def test_a_failed_date_does_not_stop_the_others_and_says_why(workload, backfill):
    workload.fails = {DAYS[1]}

    outcomes = backfill(DAYS[:3])

    assert states(outcomes) == ["confirmed", "failed", "confirmed"]
    assert outcomes[1].said == "StepFailed: no orders"


def test_a_failed_date_stops_the_others_when_asked_to(workload, backfill):
    workload.fails = {DAYS[1]}

    assert states(backfill(DAYS[:4], stop_on_failure=True)) == ["confirmed", "failed", "not asked", "not asked"]
    assert workload.asked == DAYS[:2]


def test_a_run_whose_flow_run_crashed_without_a_word_is_a_failure(workload, backfill):
    workload.crashes = {DAYS[0]}

    [outcome, _] = backfill(DAYS[:2])

    assert (outcome.state, outcome.said) == ("failed", "ended as Crashed")


def test_news_of_success_that_comes_after_the_end_of_the_flow_run_counts(workload, backfill, monkeypatch):
    workload.crashes = {DAYS[0]}
    find = workload.find_flow_run

    def and_then_the_news(request):
        ended = find(request)
        looked.append(ended)
        if looked.count(None) < len(looked) - 1:
            workload.register.note_status(workload.status(request))
        return ended

    looked = []
    monkeypatch.setattr(workload, "find_flow_run", and_then_the_news)

    [outcome] = backfill(DAYS[:1])

    assert outcome.state == "confirmed"


def test_a_run_that_nobody_starts_is_given_up(workload, backfill):
    workload.silent = {DAYS[0]}

    [outcome, after] = backfill(DAYS[:2], patience=timedelta(seconds=0.05))

    assert (outcome.state, after.state) == ("failed", "confirmed")
    assert "did not end within" in outcome.said


def test_other_parameters_for_a_confirmed_date_are_a_failure_that_says_to_force(workload, backfill):
    backfill(DAYS[:1])

    [outcome] = backfill(DAYS[:1], mark="backfill 2", parameters={"rules": "tercile"})

    assert outcome.state == "failed"
    assert "force" in outcome.said


@pytest.mark.parametrize("force", [False, True])
def test_killed_in_the_middle_it_goes_on_where_it_was(workload, backfill, force):
    backfill(DAYS[:6], mark="before")

    def die(outcome):
        if outcome.run_date == DAYS[2]:
            raise KeyboardInterrupt

    days = DAYS[:6] if force else DAYS[3:9]
    with pytest.raises(KeyboardInterrupt):
        backfill(days, mark="this one", force=force, report=die if force else die_at(DAYS[6]))
    asked_before = len(workload.heard)

    outcomes = backfill(days, mark="this one", force=force)

    assert all(outcome.good for outcome in outcomes)
    ours = [run for day in days for run in attempts(workload.register, "rfm", day) if run.requested_by == "this one"]
    assert len({run.run_date for run in ours}) == len(ours) == (6 if force else 3)
    assert len(workload.heard) - asked_before == (3 if force else 2)


def die_at(day):
    def die(outcome):
        if outcome.run_date == day:
            raise KeyboardInterrupt

    return die


def test_side_by_side_where_the_warehouse_allows(workload, backfill, monkeypatch):
    most = []
    look = Backfill.look

    def counting(self, run_date):
        most.append(len(self.under_way))
        return look(self, run_date)

    monkeypatch.setattr(Backfill, "look", counting)

    assert states(backfill(DAYS[:9], at_once=3)) == ["confirmed"] * 9
    assert max(most) == 3


def test_a_register_that_is_locked_for_a_while_is_waited_for(workload, backfill, monkeypatch):
    find, broken = workload.find_flow_run, iter([True, True, False])

    def sometimes(request):
        if next(broken, False):
            raise RegisterUnavailable("locked")
        return find(request)

    monkeypatch.setattr(workload, "find_flow_run", sometimes)

    assert states(backfill(DAYS[:1])) == ["confirmed"]
