"""A run that says success and does not add up is a failure with a name."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import duckdb
import pytest

from messenger.contract import RunRequest
from pipelines import PIPELINES
from tasks.checks import NotConfirmed
from tasks.confirm import CHECKS, confirm
from warehouse.duckdb import DuckDBWarehouse

JUNE_30 = date(1998, 6, 30)
FEATURES_TABLE = """
    create table rfm_features (
        customer_id varchar, run_date date, recency integer, frequency integer, monetary decimal(18, 2), run_id varchar
    )
"""
LEDGER = "insert into run_ledger values (?, 'rfm', ?, '1998-06-30', 1, '', ?, '2026-01-01')"
RUN_ID = "rfm-1998-06-30-1"


def a_request(step):
    return RunRequest(
        run_id=RUN_ID,
        pipeline="rfm",
        step=step,
        run_date=JUNE_30,
        attempt=1,
        requested_by="test",
        requested_at=datetime.now(UTC),
        deadline=datetime.now(UTC) + timedelta(minutes=1),
    )


@pytest.fixture
def done(tmp_path):
    """A warehouse in which both steps of the run have done their work: two customers, one of them rejected."""
    path = tmp_path / "warehouse.duckdb"
    warehouse = DuckDBWarehouse(path, lock_wait=5)
    warehouse.prepare()

    def sql(*statements):
        with duckdb.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)

    with duckdb.connect(path) as connection:
        connection.execute(FEATURES_TABLE)
        connection.execute(
            LEDGER,
            [
                RUN_ID,
                "features",
                '{"rows_in": 5, "lines_accepted": 4, "lines_rejected": 1, "customers": 2, "monetary": "20.00",'
                ' "tests_passed": 9}',
            ],
        )
        connection.execute(LEDGER, [RUN_ID, "scoring", '{"rows_in": 2, "scored": 1, "rejected": 1}'])
        connection.execute(LEDGER, [RUN_ID, "published", "{}"])
    sql(
        f"insert into rfm_features values ('a', '1998-06-30', 3, 2, 25.50, '{RUN_ID}')",
        f"insert into rfm_features values ('b', '1998-06-30', null, 0, -5.50, '{RUN_ID}')",
        f"insert into rfm_scores values ('a', '1998-06-30', 3, 2, 25.50, 5, 2, 3, 'loyal', 'm', '{RUN_ID}')",
        f"insert into rfm_rejected values ('b', '1998-06-30', null, 0, -5.50, 'no_positive_order', '{RUN_ID}')",
    )
    return SimpleNamespace(warehouse=warehouse, sql=sql)


def test_what_adds_up_is_confirmed(done):
    confirm(done.warehouse, a_request("features"), "features")
    confirm(done.warehouse, a_request("scoring"), "scores")


@pytest.mark.parametrize(
    ("broken_by", "step", "confirmed_by", "named"),
    [
        ("delete from run_ledger where step = 'features'", "features", "features", "no row in the ledger"),
        ("delete from run_ledger where step = 'published'", "scoring", "scores", "files for readers"),
        ("delete from rfm_features where customer_id = 'b'", "features", "features", "every customer stands once"),
        ("insert into rfm_features select * from rfm_features limit 1", "features", "features", "stands once"),
        ("update rfm_features set run_id = 'rfm-1998-06-30-2'", "features", "features", "those of this run"),
        ("update rfm_features set monetary = 0 where customer_id = 'b'", "features", "features", "sum of monetary"),
        (
            "update run_ledger set facts = replace(facts, '\"rows_in\": 5', '\"rows_in\": 6')",
            "features",
            "features",
            "accepted or rejected",
        ),
        (
            "update run_ledger set facts = replace(facts, '\"tests_passed\": 9', '\"tests_passed\": 0')",
            "features",
            "features",
            "tests stood before",
        ),
        ("delete from run_ledger where step = 'scoring'", "scoring", "scores", "no row in the ledger"),
        ("delete from rfm_rejected", "scoring", "scores", "as many as came in"),
        ("update rfm_scores set customer_id = 'b'", "scoring", "scores", "stands once"),
        ("update rfm_scores set run_id = 'rfm-1998-06-30-2'", "scoring", "scores", "those of this run"),
        ("update rfm_scores set monetary = 25.51", "scoring", "scores", "sum of monetary"),
    ],
)
def test_what_does_not_add_up_is_named(done, broken_by, step, confirmed_by, named):
    done.sql(broken_by)

    with pytest.raises(NotConfirmed, match=named):
        confirm(done.warehouse, a_request(step), confirmed_by)


OTHER = "values ('z', '1998-06-29', 3, 2, 9.99, 5, 2, 3, 'loyal', 'm', 'rfm-1998-06-29-1')"


@pytest.mark.parametrize(
    "meanwhile",
    [
        "delete from rfm_scores where customer_id = 'z'",
        f"insert into rfm_scores {OTHER}",
        f"update rfm_scores set run_id = '{RUN_ID}' where customer_id = 'z'",
    ],
)
def test_another_date_that_was_touched_meanwhile_is_named(done, meanwhile):
    done.sql(f"insert into rfm_scores {OTHER}")
    before = done.warehouse.rows_by_date("scoring")
    confirm(done.warehouse, a_request("scoring"), "scores", before)
    done.sql(meanwhile)

    with pytest.raises(NotConfirmed, match="other dates were left alone, such as 1998-06-29"):
        confirm(done.warehouse, a_request("scoring"), "scores", before)


def test_another_date_that_another_run_has_committed_meanwhile_is_no_fault(done):
    before = done.warehouse.rows_by_date("scoring")
    done.sql(
        f"insert into rfm_scores {OTHER}",
        "insert into run_ledger values ('rfm-1998-06-29-1', 'rfm', 'scoring', '1998-06-29', 1, '', '{}', '2026-01-02')",
    )

    confirm(done.warehouse, a_request("scoring"), "scores", before)


def test_another_date_in_the_tables_does_not_matter(done):
    done.sql("insert into rfm_scores values ('z', '1998-06-29', 3, 2, 9.99, 5, 2, 3, 'loyal', 'm', 'rfm-1998-06-29-1')")

    confirm(done.warehouse, a_request("scoring"), "scores")


def test_every_step_of_every_pipeline_has_its_check():
    wanted = {step.confirmed_by for pipeline in PIPELINES.values() for step in pipeline.steps}

    assert wanted <= set(CHECKS)
