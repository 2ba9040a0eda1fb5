"""The second pipeline does what docs/your-model.md says: its work is committed once, told, and confirmed."""

import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
import yaml

from examples.reminders.check import check_reminders
from examples.reminders.choose import Scored, choose
from examples.reminders.flow import remind as flow
from examples.reminders.pipeline import REMINDERS
from examples.reminders.work import NoScores, remind
from messenger.contract import RunRequest, RunStatus, run_id_of
from messenger.messenger import STATUSES
from pipelines import PIPELINES, deployment_of
from settings import PROJECT
from tasks import confirm
from tasks.checks import NotConfirmed
from tests.tasks.conftest import settings  # noqa: F401
from warehouse.closing import close_run
from warehouse.warehouse import RunClosed
from wiring import open_messenger, open_warehouse

JUNE_30 = date(1998, 6, 30)
SCORES = [
    ("a", "at risk", "20.00"),
    ("b", "champions", "900.00"),
    ("c", "can't lose", "300.00"),
    ("d", "at risk", "300.00"),
]


def a_request(attempt=1, **parameters):
    now = datetime.now(UTC)
    return RunRequest(
        run_id=run_id_of("reminders", JUNE_30, attempt),
        pipeline="reminders",
        step="remind",
        run_date=JUNE_30,
        attempt=attempt,
        parameters=parameters,
        requested_by="test",
        requested_at=now,
        deadline=now + timedelta(minutes=1),
    )


@pytest.fixture
def file(settings, monkeypatch):  # noqa: F811
    """A warehouse in which the pipeline rfm has scored four customers; the second pipeline is entered."""
    monkeypatch.setitem(PIPELINES, "reminders", REMINDERS)
    monkeypatch.setattr(confirm, "CHECKS", {**confirm.CHECKS, "reminders": check_reminders})
    open_warehouse().prepare()
    with duckdb.connect(settings.warehouse.path) as connection:
        for customer, segment, monetary in SCORES:
            connection.execute(
                "insert into rfm_scores values (?, '1998-06-30', 300, 4, ?, 1, 4, 4, ?, 'm', 'rfm-1998-06-30-1')",
                [customer, monetary, segment],
            )
    return settings.warehouse.path


def reminded(file):
    with duckdb.connect(file, read_only=True) as connection:
        return connection.execute("select customer_id, run_id from reminders order by place").fetchall()


def test_those_who_spent_most_come_first_and_only_those_about_to_be_lost():
    customers = [Scored(customer, segment, Decimal(monetary)) for customer, segment, monetary in SCORES]

    assert [one.customer_id for one in choose(customers, most=10)] == ["c", "d", "a"]
    assert [one.customer_id for one in choose(reversed(customers), most=2)] == ["c", "d"]


def test_the_step_tells_how_it_went_and_is_confirmed(file):
    with closing(open_messenger()) as messenger:
        messenger.setup()
        messenger.subscribe("told", STATUSES)
        flow.fn(a_request())
        told = [RunStatus.model_validate_json(one.body) for one in messenger.pull("told", limit=10, wait=5)]

    assert [(one.state, one.facts) for one in told] == [
        ("started", {}),
        ("succeeded", {"customers": 4, "reminders": 3}),
    ]
    confirm.confirm(open_warehouse(), a_request(), "reminders")
    assert [customer for customer, _ in reminded(file)] == ["c", "d", "a"]


def test_doing_it_again_replaces_the_date(file):
    remind(open_warehouse(), file, a_request())
    remind(open_warehouse(), file, a_request(attempt=2, most=1))

    assert reminded(file) == [("c", "reminders-1998-06-30-2")]


@pytest.mark.parametrize(
    ("broken_by", "named"),
    [
        ("delete from run_ledger", "no row in the ledger"),
        ("delete from reminders where place = 1", "as many reminders as the ledger says"),
        ("update reminders set customer_id = 'a'", "nobody is reminded twice"),
        ("update reminders set run_id = 'another'", "those of this run"),
    ],
)
def test_what_does_not_add_up_is_not_confirmed(file, broken_by, named):
    remind(open_warehouse(), file, a_request())
    with duckdb.connect(file) as connection:
        connection.execute(broken_by)

    with pytest.raises(NotConfirmed, match=named):
        confirm.confirm(open_warehouse(), a_request(), "reminders")


def test_a_run_that_was_closed_leaves_what_stood_there(file):
    remind(open_warehouse(), file, a_request())
    close_run(open_warehouse(), a_request(attempt=2), "cancelled")

    with pytest.raises(RunClosed):
        remind(open_warehouse(), file, a_request(attempt=2, most=1))
    assert len(reminded(file)) == 3


def test_a_date_without_scores_says_what_to_run_first(file):
    with duckdb.connect(file) as connection:
        connection.execute("delete from rfm_scores")

    with pytest.raises(NoScores, match="run the pipeline rfm for it first"):
        remind(open_warehouse(), file, a_request())


def test_its_check_can_be_imported_by_the_checks_that_it_becomes_one_of():
    """As tasks/confirm.py does it in a process of its own: nothing that it needs leads back there."""
    entered = "import sys, examples.reminders.check; sys.exit('tasks.confirm' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", entered], cwd=PROJECT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr or "the check leads back to tasks/confirm.py"


def test_its_deployments_are_those_that_the_invoker_starts(file, settings):  # noqa: F811
    deployments = yaml.safe_load((PROJECT / "examples" / "reminders" / "prefect.yaml").read_text())["deployments"]
    named = {f"{one['entrypoint'].rsplit(':', 1)[1]}/{one['name']}" for one in deployments}

    steps = ("orchestrate", *(step.name for step in REMINDERS.steps))
    assert named == {deployment_of("reminders", step, settings.steps) for step in steps}
