"""Every warehouse: what it reads is exact, and what it replaces is replaced whole or not at all."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from rfm.quarantine import split
from tests.warehouse.given_features import RUN_DATE, WINDOW, given_request
from warehouse.warehouse import (
    CLOSED,
    FEATURES,
    PUBLISHED,
    REJECTED,
    SCORES,
    DateRows,
    FeaturesMissing,
    LedgerRow,
    RunClosed,
    ScoresRefused,
    StoredModel,
)

HUGE = Decimal("9999999999999999.99")
REQUEST = given_request()
LEDGER = LedgerRow(
    run_id=REQUEST.run_id,
    pipeline="rfm",
    step="scoring",
    run_date=RUN_DATE,
    attempt=1,
    flow_run_id="flow-run",
    facts={"scored": 1, "model_id": None, "share": 0.5},
    committed_at=datetime(2026, 6, 29, 8, 30, tzinfo=UTC),
)


def score_batch(*rows) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([dict(zip(SCORES.names, row, strict=True)) for row in rows], schema=SCORES)


def rejected_batch(*rows) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([dict(zip(REJECTED.names, row, strict=True)) for row in rows], schema=REJECTED)


def commit(warehouse, scores=(), rejected=(), ledger=LEDGER, fitted=None):
    with warehouse.staging(ledger.run_id) as staging:
        staging.add_scores(score_batch(*scores))
        staging.add_rejected(rejected_batch(*rejected))
        warehouse.replace_scores(staging, ledger, features_run=ledger.run_id, model_id="model", fitted=fitted)


def test_features_come_as_whole_cents_to_the_last_digit(store):
    store.given_features([("a", 0, 1, HUGE), ("b", None, 0, -HUGE), (None, 719, 2**31 - 1, "0.01")])
    with store.warehouse.reading(RUN_DATE, run_id=REQUEST.run_id, window_days=WINDOW) as features:
        assert (features.rows, features.foreign_rows, features.scorable) == (3, 0, 1)
        batches = list(features.batches(2))
    assert all(batch.schema.equals(FEATURES) for batch in batches)
    rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    expected = {("a", 0, 1, 10**18 - 1), ("b", None, 0, 1 - 10**18), (None, 719, 2**31 - 1, 1)}
    assert (len(rows), set(rows)) == (3, expected)


def test_only_the_run_date_is_read_and_rows_of_another_run_are_counted(store):
    store.given_features([("a", 0, 1, "1")], given_request(RUN_DATE - timedelta(days=7)))
    store.given_features([("b", 0, 1, "1"), ("c", 0, 1, "1")])
    with store.warehouse.reading(RUN_DATE, run_id="rfm-2026-06-29-2", window_days=WINDOW) as features:
        assert (features.rows, features.foreign_rows) == (2, 2)
        assert sum(batch.num_rows for batch in features.batches(10)) == 2


def test_values_are_counted_once_each_in_order_and_in_buckets(store):
    rows = [("a", 5, 1, "1.00"), ("b", 3, 1, "-1.00"), ("c", 5, 2, "50.00"), ("d", 720, 9, "7"), ("", 1, 9, "7")]
    store.given_features([*rows, ("e", None, 0, "-3")])

    def count(measure, **how):
        with store.warehouse.reading(RUN_DATE, run_id=REQUEST.run_id, window_days=WINDOW) as features:
            values, counts = features.count_values(measure, **how)
            assert values.dtype == counts.dtype == np.int64
            return list(zip(values.tolist(), counts.tolist(), strict=True))

    assert count("recency") == [(3, 1), (5, 2)]
    assert count("frequency") == [(1, 2), (2, 1)]
    assert count("monetary") == [(-100, 1), (100, 1), (5000, 1)]
    assert count("monetary", width=4096) == [(0, 2), (1, 1)]
    assert count("monetary", width=4096, within=[0]) == [(-100, 1), (100, 1)]


def test_warehouse_and_quarantine_agree_on_who_can_be_scored(store):
    recencies, frequencies = [None, -1, 0, 1, WINDOW - 1, WINDOW], [None, -1, 0, 1, 2**31 - 1]
    store.given_features(product([None, "", " ", "a"], recencies, frequencies, [None, HUGE, "0", "-0.01"]))
    with store.warehouse.reading(RUN_DATE, run_id=REQUEST.run_id, window_days=WINDOW) as features:
        assert features.scorable == 2 * 3 * 2 * 3
        scorable = pa.Table.from_batches(split(batch, window_days=WINDOW)[0] for batch in features.batches(7))
        assert scorable.num_rows == features.scorable
    for measure, column in (("recency", "recency"), ("frequency", "frequency"), ("monetary", "monetary_cents")):
        with store.warehouse.reading(RUN_DATE, run_id=REQUEST.run_id, window_days=WINDOW) as features:
            values, counts = features.count_values(measure)
            counted = Counter(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        assert counted == Counter(scorable[column].to_pylist())


@pytest.mark.parametrize(
    ("monetary", "said"),
    [("", "monetary is missing"), (", monetary {float}", "monetary is (DOUBLE|FLOAT), not (DECIMAL|NUMERIC)")],
)
def test_features_of_other_columns_or_types_are_refused(store, monetary, said):
    columns = "customer_id string, run_date date, recency integer, frequency integer, run_id string"
    store.write(f"create table rfm_features ({columns}{monetary.format(float=store.float_type)})")
    with (
        pytest.raises(FeaturesMissing, match=said),
        store.warehouse.reading(RUN_DATE, run_id=REQUEST.run_id, window_days=WINDOW),
    ):
        pass


def test_without_features_the_step_to_run_first_is_named(store):
    with (
        pytest.raises(FeaturesMissing, match="there is no table rfm_features; run the step features first"),
        store.warehouse.reading(RUN_DATE, run_id=REQUEST.run_id, window_days=WINDOW),
    ):
        pass


def test_a_commit_replaces_all_rows_of_the_date_and_only_those(store):
    earlier = replace(LEDGER, run_id="rfm-2026-06-22-1", run_date=date(2026, 6, 22))
    store.given_features([("a", 1, 1, "5.50")], given_request(earlier.run_date))
    commit(store.warehouse, [("a", 1, 1, 550, 5, 1, 1, "new")], ledger=earlier)
    store.given_features([("a", 1, 1, "5.50"), ("gone", 2, 1, HUGE), (None, 3, 1, "-1.00")])
    commit(
        store.warehouse,
        [("a", 1, 1, 550, 5, 1, 1, "new"), ("gone", 2, 1, 10**18 - 1, 4, 1, 1, "promising")],
        [(None, 3, 1, -100, "missing_customer")],
    )
    store.given_features([("a", 1, 1, "5.50")])
    commit(store.warehouse, [("a", 1, 1, 550, 4, 1, 1, "promising")])
    assert store.rows("select * from rfm_scores order by run_date") == [
        ("a", earlier.run_date, 1, 1, Decimal("5.50"), 5, 1, 1, "new", "model", earlier.run_id),
        ("a", RUN_DATE, 1, 1, Decimal("5.50"), 4, 1, 1, "promising", "model", LEDGER.run_id),
    ]
    assert store.rows("select * from rfm_rejected") == []


def test_money_goes_out_as_it_came_in(store):
    rows = [("a", 1, 1, HUGE), ("b", 1, 1, -HUGE), ("c", 1, 1, "-0.01")]
    store.given_features(rows)
    cents = [10**18 - 1, 1 - 10**18, -1]
    scores = [(row[0], 1, 1, money, 5, 1, 1, "new") for row, money in zip(rows, cents, strict=True)]
    commit(store.warehouse, scores[:2], [("c", 1, 1, -1, "missing_recency")])
    assert store.rows("select monetary from rfm_scores order by customer_id") == [(HUGE,), (-HUGE,)]
    assert store.rows("select customer_id, monetary, reason, run_id from rfm_rejected") == [
        ("c", Decimal("-0.01"), "missing_recency", LEDGER.run_id)
    ]


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ([("a", 1, 1, 100, 5, 1, 1, "new")], "2 features came in and 1 are scored"),
        (
            [("a", 1, 1, 100, 5, 1, 1, "new"), ("a", 1, 1, 100, 5, 1, 1, "new")],
            "1 customers stand in the features more",
        ),
        ([("a", 1, 1, 100, 5, 1, 1, "new"), ("b", 1, 1, 199, 5, 1, 1, "new")], "sums differ"),
        ([("a", 1, 1, 100, 5, 1, 1, "new"), ("b", 2, 1, 200, 5, 1, 1, "new")], "sums differ"),
    ],
)
def test_what_does_not_add_up_is_refused_and_the_old_rows_stay(store, scores, said):
    store.given_features([("old", 1, 1, "1")])
    commit(store.warehouse, [("old", 1, 1, 100, 5, 1, 1, "new")])
    before = store.rows("select * from rfm_scores"), store.rows("select * from run_ledger order by step")
    store.given_features([("a", 1, 1, "1.00"), ("b", 1, 1, "2.00")])
    with pytest.raises(ScoresRefused, match=said):
        commit(store.warehouse, scores)
    assert store.rows("select * from rfm_scores") == before[0]
    assert store.rows("select * from run_ledger where step = 'scoring'") == before[1][1:]


def test_features_replaced_by_another_run_meanwhile_are_refused(store):
    store.given_features([("a", 1, 1, "1.00")], given_request(attempt=2))
    with pytest.raises(ScoresRefused, match="another run has replaced the features"):
        commit(store.warehouse, [("a", 1, 1, 100, 5, 1, 1, "new")])
    assert store.rows("select * from rfm_scores") == []


def test_the_ledger_row_is_kept_once_for_a_step_and_read_as_it_was_written(store):
    store.given_features([])
    assert store.warehouse.ledger_row(LEDGER.run_id, "scoring") is None
    commit(store.warehouse)
    assert store.warehouse.ledger_row(LEDGER.run_id, "scoring") == LEDGER
    sydney = LEDGER.committed_at.astimezone(ZoneInfo("Australia/Sydney"))
    redone = replace(LEDGER, facts={"scored": 0}, committed_at=sydney + timedelta(hours=1))
    commit(store.warehouse, ledger=redone)
    assert store.warehouse.ledger_row(LEDGER.run_id, "scoring") == redone
    assert store.warehouse.ledger_row(LEDGER.run_id, "features").facts == {"customers": 0}
    assert store.rows("select count(*) from run_ledger where step = 'scoring'") == [(1,)]


def test_models_are_found_by_id_and_the_latest_before_a_day(store):
    def model(name, rules, fitted_on):
        return StoredModel(name, rules, "{}", "{}", fitted_on, 7, LEDGER.run_id)

    store.given_features([])
    old, new = model("old", "quintile", date(2026, 6, 1)), model("new", "quintile", date(2026, 6, 8))
    other = model("other", "tercile", date(2026, 6, 15))
    for minute, one in enumerate([new, old, other]):
        commit(
            store.warehouse,
            ledger=replace(LEDGER, committed_at=LEDGER.committed_at + timedelta(minutes=minute)),
            fitted=one,
        )
    assert store.warehouse.find_model("old") == old
    assert store.warehouse.find_model("nothing") is None
    assert store.warehouse.latest_model("quintile", before=RUN_DATE) == new
    assert store.warehouse.latest_model("quintile", before=date(2026, 6, 8)) == old
    assert store.warehouse.latest_model("quintile", before=date(2026, 6, 1)) is None
    refitted = replace(model("newer", "quintile", date(2026, 6, 8)), customers=8)
    commit(
        store.warehouse, ledger=replace(LEDGER, committed_at=LEDGER.committed_at + timedelta(hours=1)), fitted=refitted
    )
    assert store.warehouse.latest_model("quintile", before=RUN_DATE) == refitted


def test_totals_are_what_the_tables_hold(store):
    store.given_features([("a", 1, 2, "1.10"), ("b", 1, 3, "2.20"), ("", None, 0, "-0.05")])
    commit(
        store.warehouse,
        [("a", 1, 2, 110, 5, 1, 1, "new"), ("b", 1, 3, 220, 5, 1, 1, "new")],
        [("", None, 0, -5, "missing_customer")],
    )
    features = store.warehouse.feature_totals(RUN_DATE, REQUEST.run_id)
    assert (features.rows, features.customers, features.monetary, features.foreign_rows) == (3, 3, Decimal("3.25"), 0)
    scores = store.warehouse.score_totals(RUN_DATE, REQUEST.run_id)
    assert (scores.scored, scores.rejected, scores.customers, scores.orders) == (2, 1, 3, 5)
    assert (scores.monetary, scores.foreign_rows) == (Decimal("3.25"), 0)
    assert store.warehouse.feature_totals(RUN_DATE, "another").foreign_rows == 3
    assert store.warehouse.score_totals(RUN_DATE, "another").foreign_rows == 3


def test_totals_of_a_day_without_rows_are_zero(store):
    store.given_features([])
    assert store.warehouse.feature_totals(RUN_DATE, REQUEST.run_id).monetary == 0
    assert store.warehouse.score_totals(RUN_DATE, REQUEST.run_id).orders == 0
    assert store.warehouse.segment_summary(RUN_DATE) == []


def test_segments_are_summed_up(store):
    store.given_features([("a", 1, 2, "1.10"), ("b", 4, 3, "2.21"), ("c", 9, 1, "-1.00")])
    commit(
        store.warehouse,
        [("a", 1, 2, 110, 5, 1, 1, "new"), ("b", 4, 3, 221, 5, 1, 1, "new"), ("c", 9, 1, -100, 1, 1, 1, "at risk")],
    )
    summary = {one.segment: one for one in store.warehouse.segment_summary(RUN_DATE)}
    new = summary["new"]
    assert (new.customers, new.orders, new.revenue) == (2, 5, Decimal("3.31"))
    assert (new.median_recency, new.median_frequency, new.median_monetary) == (2.5, 2.5, Decimal("1.66"))
    assert new.share == pytest.approx(2 / 3)
    assert summary["at risk"].revenue == Decimal("-1.00")


def test_rejected_rows_come_by_customer_without_those_that_have_none(store):
    rows = [("b", None, 0, "-1.25"), ("a", WINDOW, 1, "5.00"), (None, 1, 1, "5.00")]
    store.given_features(rows)
    reasons = [("b", None, 0, -125, "no_positive_order"), ("a", WINDOW, 1, 500, "recency_out_of_window")]
    commit(store.warehouse, rejected=[*reasons, (None, 1, 1, 500, "missing_customer")])

    with store.warehouse.rejected(RUN_DATE, rows=1) as batches:
        found = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
    with store.warehouse.rejected(RUN_DATE - timedelta(days=1), rows=1) as batches:
        assert list(batches) == []

    assert found == reasons[::-1]


CLOSING = replace(LEDGER, step=CLOSED, facts={"reason": "cancelled"})


def test_a_run_closed_while_its_step_was_at_work_commits_nothing(store):
    store.given_features([("a", 1, 1, "1.00")])
    with store.warehouse.staging(LEDGER.run_id) as staging:
        staging.add_scores(score_batch(("a", 1, 1, 100, 5, 5, 5, "s")))
        staging.add_rejected(rejected_batch())
        store.warehouse.close_run(CLOSING)

        with pytest.raises(RunClosed, match=f"{LEDGER.run_id} was closed before its commit.*cancelled"):
            store.warehouse.replace_scores(staging, LEDGER, features_run=LEDGER.run_id, model_id="model", fitted=None)

    assert store.rows("select * from rfm_scores") == []
    assert store.warehouse.ledger_row(LEDGER.run_id, "scoring") is None


def test_closing_twice_keeps_the_first_reason_and_what_was_committed(store):
    store.given_features([("a", 1, 1, "1.00")])
    commit(store.warehouse, [("a", 1, 1, 100, 5, 5, 5, "s")])
    store.warehouse.close_run(CLOSING)
    store.warehouse.close_run(replace(CLOSING, facts={"reason": "another"}))

    assert store.warehouse.ledger_row(LEDGER.run_id, CLOSED).facts == {"reason": "cancelled"}
    assert store.warehouse.ledger_row(LEDGER.run_id, "scoring") == LEDGER


def test_a_publication_is_noted_once_and_not_of_a_run_that_was_closed(store):
    published = replace(LEDGER, step=PUBLISHED, facts={})
    store.warehouse.note_published(published)
    store.warehouse.note_published(replace(published, flow_run_id="again"))
    assert store.warehouse.ledger_row(LEDGER.run_id, PUBLISHED).flow_run_id == "again"

    store.warehouse.close_run(CLOSING)
    with pytest.raises(RunClosed, match="cancelled"):
        store.warehouse.note_published(replace(published, flow_run_id="too late"))

    assert store.warehouse.ledger_row(LEDGER.run_id, PUBLISHED).flow_run_id == "again"


def test_rows_of_a_date_that_two_runs_have_written_name_both(store):
    store.given_features([("a", 1, 1, "1.00"), ("b", 2, 1, "1.00")])
    store.write("update rfm_features set run_id = 'another' where customer_id = 'b'")

    assert store.warehouse.rows_by_date("features")[RUN_DATE].written_by == ("another", REQUEST.run_id)


def test_rows_of_every_date_are_counted_beside_the_run_that_committed_them(store):
    assert store.warehouse.rows_by_date("features") == {}
    store.given_features([("a", 1, 1, "1.00"), ("b", None, 0, "-1.00")])
    commit(store.warehouse, [("a", 1, 1, 100, 5, 5, 5, "s")], [("b", None, 0, -100, "no_positive_order")])
    store.write("update rfm_rejected set run_date = '2026-06-28' where true")
    wrote = (REQUEST.run_id, REQUEST.run_id)

    assert store.warehouse.rows_by_date("features") == {RUN_DATE: DateRows(2, REQUEST.run_id, wrote)}
    assert store.warehouse.rows_by_date("scoring") == {
        RUN_DATE: DateRows(1, REQUEST.run_id, wrote),
        date(2026, 6, 28): DateRows(1, None, wrote),
    }
