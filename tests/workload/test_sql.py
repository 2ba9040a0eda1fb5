"""What is told of a dbt build: the names of what failed, never values of customers."""

import pytest

from errors import Retryable
from warehouse.warehouse import WarehouseBusy
from workload.sql import Build, Node, SourceChanged, SqlFailed, TestsFailed, require_published
from workload.sql_messages import without_values


def build_of(*nodes, error=""):
    return Build("rfm-1998-06-30-1", nodes, error, parse_seconds=0, build_seconds=0)


def node(name, kind="test", status="pass", message=""):
    return Node(name, kind, status, 0.1, message)


def test_a_build_without_failures_is_published():
    require_published(build_of(node("not_null"), node("few", status="warn"), node("stg_orders", "model", "success")))


BEATEN = without_values(
    "Database Error in model x (x.sql)\n  Transaction is aborted due to concurrent update against table shop:rfm.x"
)
TOO_OFTEN = without_values(
    "Database Error in model x (x.sql)\n  Exceeded rate limits: too many table update operations for this table"
)


@pytest.mark.parametrize(
    ("failed", "kind", "error"),
    [
        (node("not_null_customer", status="fail", message="Got 2 results"), TestsFailed, ""),
        (node("rfm_features", "model", "error", "Binder Error: no such column"), SqlFailed, ""),
        (node("not_null_customer", status="error", message="Binder Error"), SqlFailed, ""),
        (node("source_is_unchanged", status="fail"), SourceChanged, ""),
        (node("stg_orders", "model", "success"), SqlFailed, "Compilation Error"),
        (node("stg_orders", "model", "success"), WarehouseBusy, "IO Error: Could not set lock on file"),
        (node("rfm_features", "model", "error", BEATEN), WarehouseBusy, ""),
        (node("rfm_features", "model", "error", TOO_OFTEN), WarehouseBusy, ""),
    ],
)
def test_each_failure_has_its_own_error_which_names_run_and_cause(failed, kind, error):
    with pytest.raises(kind, match="rfm-1998-06-30-1 published nothing") as raised:
        require_published(build_of(node("not_null"), failed, error=error))
    assert issubclass(kind, Retryable) == (kind in (SourceChanged, WarehouseBusy))
    if kind in (TestsFailed, SqlFailed) and not error:
        assert failed.name in str(raised.value)
        assert failed.message in str(raised.value)


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Runtime Error in model x\n  Conversion Error: Could not convert string 'Ann' to INT32", "Conversion Error"),
        ("Runtime Error\n  Constraint Error: Duplicate key 'Ann'", "Constraint Error"),
        ("Runtime Error\n  Out of Memory Error: failed to allocate", "failed to allocate"),
        ("Compilation Error in model x\n  'var' is undefined", "'var' is undefined"),
        ("Got 3 results, configured to fail if != 0", "Got 3 results"),
        (
            "Database Error in model x (models/x.sql)\n  Not found: Dataset shop:rfm was not found",
            "shop:rfm was not found",
        ),
        (
            "Database Error in model x (models/x.sql)\n  Query error: Syntax error: Unexpected ')' at [1:7]",
            "Unexpected ')'",
        ),
        ("Database Error in model x (models/x.sql)\n  Bad int64 value: Ann", "page of the job"),
        (
            "Database Error in test x (models/x.yml)\n  Query error: Bad date: Ann Not found: at [3:1]",
            "page of the job",
        ),
        ("Database Error\n  Ann", "page of the job"),
        ("Invalid Input Error: CSV Error on Line: 7\nOriginal Line: Ann,1\nExpected Number of Columns: 4", "line 7 of"),
    ],
)
def test_messages_keep_what_speaks_of_sql_and_lose_what_speaks_of_data(message, told):
    shown = without_values(message)
    assert told in shown
    assert "Ann" not in shown
