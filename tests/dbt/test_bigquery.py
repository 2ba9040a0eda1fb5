"""The same models on BigQuery, and what is sent there."""

import re
from collections import namedtuple
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlglot
from google.cloud import bigquery
from sqlglot import exp

from rfm.read_rules import rules_named
from tasks.confirm import confirm
from tests.dbt.bigquery_shop import BigQueryShop, orders
from tests.dbt.conftest import request_for
from tests.dbt.test_features import computed, generated_lines
from workload.note_published import note_published
from workload.score import score

D = Decimal
JUNE_30 = date(1998, 6, 30)


@pytest.fixture
def shop(stand_in, tmp_path):
    return BigQueryShop(stand_in, tmp_path)


def test_features_are_published_with_their_ledger_row(shop):
    shop.deliver(orders(("1", "a", JUNE_30, D("10.50")), ("2", "a", date(1998, 6, 1), D("-1.00"))))
    shop.run(JUNE_30)
    assert shop.features(JUNE_30) == [("a", 0, 1, D("9.50"))]


@pytest.mark.parametrize(("run_date", "window_days"), [(JUNE_30, 720), (date(1997, 3, 1), 90)])
def test_features_equal_an_independent_computation_on_the_first_and_last_day_of_the_window_too(
    shop, run_date, window_days
):
    edges = [run_date - timedelta(days) for days in (-1, 0, window_days - 1, window_days)]
    lines = [*generated_lines(3000, seed=7), *((f"e{n}", f"edge {n}", day, 5.0) for n, day in enumerate(edges))]
    # orders that begin before the window, and orders that end after it
    lines += [("e3", "edge 3", run_date, 1.0), ("e1", "edge 1", edges[0], 1.0)]
    names = ["order_id", "customer_id", "order_date", "amount"]
    schema = pa.schema(zip(names, [pa.string(), pa.string(), pa.date32(), pa.float64()], strict=True))
    shop.deliver(pa.Table.from_pylist([dict(zip(names, line, strict=True)) for line in lines], schema))

    shop.run(run_date, window_days=window_days)

    expected = computed(lines, run_date, window_days)
    assert shop.features(run_date) == expected
    assert {customer for customer, *_ in expected if customer.startswith("edge")} == {"edge 1", "edge 2"}


def scored(warehouse):
    request = request_for(JUNE_30, step="scoring")
    facts = score(warehouse, request, rules_named("quintile"), window_days=720)
    note_published(warehouse, request)
    return facts


DUCKDB_ONLY = (
    r"::|\b(try_cast|typeof|isnan|isfinite|regexp_full_match|timezone|strftime|list_contains|arg_max|read_parquet|"
    r"read_csv|histogram|varchar|double|hugeint|date_trunc\('|filter\s*\()"
)
Sent = namedtuple("Sent", "query labels maximum_bytes_billed")
OURS = ("rfm_features", "rfm_scores", "rfm_rejected")


@pytest.fixture(scope="module")
def asked(stand_in, tmp_path_factory):
    """The text and labels of every query that a whole run has sent, features and scoring and their confirmation."""
    shop = BigQueryShop(stand_in, tmp_path_factory.mktemp("shop"))
    shop.deliver(orders(("1", "a", JUNE_30, D("10.50")), ("2", "b", JUNE_30, D("7"))))
    sound, sent = bigquery.Client.query, []

    def noted(client, query, job_config=None, **options):
        sent.append(Sent(query, dict(job_config.labels), job_config.maximum_bytes_billed))
        return sound(client, query, job_config=job_config, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bigquery.Client, "query", noted)
        shop.run(JUNE_30)
        scored(shop.warehouse)
        for step, confirmed_by in (("features", "features"), ("scoring", "scores")):
            confirm(shop.warehouse, request_for(JUNE_30, step=step), confirmed_by)
    return sent


def test_every_query_is_bigquerys_own_sql(asked):
    assert len(asked) > 30
    for job in asked:
        assert sqlglot.parse(job.query, read="bigquery", error_level=sqlglot.ErrorLevel.RAISE)
        without_text = re.sub(r"'[^'\n]*'", "''", job.query)
        assert not re.search(DUCKDB_ONLY, without_text, re.IGNORECASE), job.query
        assert "approx_" not in job.query.lower()


def test_amounts_are_rounded_and_bounded_as_exact_numbers(asked):
    """The stand-in cannot hold as many digits as BigQuery can; so this is read from what is sent."""
    [sent] = [job.query for job in asked if re.search(r"create or replace view \S*order_lines", job.query)]
    [view] = sqlglot.parse(sent, read="bigquery")
    rounded = list(view.find_all(exp.Round))
    assert {(one.this.to.sql("bigquery"), one.args["decimals"].name) for one in rounded} == {("BIGNUMERIC", "2")}
    assert "FLOAT64" not in {one.to.sql("bigquery") for one in view.find_all(exp.Cast, exp.TryCast)}
    bounds = {one.expression.sql("bigquery") for one in view.find_all(exp.LT) if one.this.find(exp.Round)}
    assert bounds == {"CAST('10000000000000000' AS BIGNUMERIC)"}


def test_each_step_commits_in_one_transaction_that_replaces_the_date_and_writes_the_ledger(asked):
    scripts = [job for job in asked if "begin transaction" in job.query.lower()]
    assert [job.labels["step"] for job in scripts] == ["features", "scoring", "published"]
    for job in scripts:
        first, *statements, last = [one for one in sqlglot.parse(job.query, read="bigquery") if one is not None]
        assert (type(first), type(last)) == (exp.Transaction, exp.Commit)
        deleted = {one.this.name: one.args["where"].sql() for one in statements if isinstance(one, exp.Delete)}
        inserted = {next(one.find_all(exp.Table)).name for one in statements if isinstance(one, exp.Insert)}
        assert inserted == set(deleted)
        assert inserted >= {"run_ledger"}
        for table in inserted & set(OURS):
            assert re.fullmatch(r"WHERE run_date = CAST\('1998-06-30' AS DATE\)", deleted[table])


def test_whatever_reads_a_date_reads_its_partition_only(asked):
    """The views for people span all dates. A run makes them, asks for their columns (`where false`), and reads none."""
    created = re.compile(r"\s*(/\*.*?\*/)?\s*create ", re.IGNORECASE | re.DOTALL)
    for job in (job for job in asked if not created.match(job.query) and "__dbt_sbq" not in job.query):
        parts = [part for part in sqlglot.parse(job.query, read="bigquery") if part is not None]
        for select in (one for part in parts for one in part.find_all(exp.Select)):
            source, where = select.args.get("from_"), select.args.get("where")
            if source is not None and isinstance(source.this, exp.Table) and source.this.name in OURS:
                assert "run_date" in (where.sql() if where else ""), job.query


def test_every_job_of_a_run_is_labelled_and_has_a_limit(asked):
    for job in asked:
        assert job.labels.get("app") == "rfm", job.query
        assert job.maximum_bytes_billed == 100 * 10**9
    labels = [job.labels for job in asked if "begin transaction" in job.query.lower()]
    assert [one.get("step") for one in labels] == ["features", "scoring", "published"]
    assert {one.get("run_id") for one in labels} == {"rfm-1998-06-30-1"}
    assert {one.get("pipeline") for one in labels} == {"rfm"}
