"""What is read of committed scores, and of the orders behind them: the same from every warehouse."""

from datetime import date, timedelta
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from rfm.read_rules import rules_named
from tests.warehouse.given_features import RUN_DATE, WINDOW, given_request
from warehouse.warehouse import (
    CHANGES,
    CURRENT,
    ChangedFeatures,
    Order,
    ScoreCell,
    ScoredDay,
    SegmentMove,
    SegmentTotals,
)
from workload.score import score

D = Decimal
BEFORE = RUN_DATE - timedelta(days=7)
RULES = rules_named("quintile")
DAY = {"before": BEFORE.isoformat(), "last": RUN_DATE.isoformat()}


@pytest.fixture
def scored(store):
    """Ann and bob on both days, bob gone on the later; a refund that is rejected; the orders behind them."""
    store.write(
        "create table order_lines (order_id string, customer_id string, order_date date, amount numeric(18, 2),"
        " reason string)"
    )
    store.write(
        f"""insert into order_lines values
        ('1', 'ann', date '{BEFORE}', 5.00, null), ('2', 'ann', date '{BEFORE}', 1.25, null),
        ('3', 'bob', date '{BEFORE}', 2.00, null), ('4', 'eve', date '{RUN_DATE}', -3.00, null),
        ('5', 'ann', date '{RUN_DATE}', 9.00, 'missing_amount')"""
    )
    for day, rows in (
        (BEFORE, [("ann", 0, 2, "6.25"), ("bob", 0, 1, "2.00")]),
        (RUN_DATE, [("ann", 7, 2, "6.25"), ("eve", None, 0, "-3.00")]),
    ):
        score(store.warehouse, store.given_features(rows, given_request(day)), RULES, window_days=WINDOW)
    return store.warehouse


def rows_of(batches):
    return [tuple(row.values()) for batch in batches for row in batch.to_pylist()]


def test_a_customer_is_found_with_scores_or_with_the_reason_and_with_the_orders(scored):
    ann, eve = scored.customer_row("ann", RUN_DATE), scored.customer_row("eve", RUN_DATE)
    assert (ann.recency, ann.frequency, ann.monetary, ann.reason) == (7, 2, D("6.25"), None)
    assert len(ann.scores) == 3
    assert (eve.scores, eve.segment, eve.reason, eve.monetary) == (None, None, "no_positive_order", D("-3.00"))
    assert scored.customer_row("nobody", RUN_DATE) is None
    orders = scored.orders_of("ann", RUN_DATE, window_days=WINDOW)
    assert orders == [Order("1", BEFORE, D("5.00")), Order("2", BEFORE, D("1.25"))]
    assert scored.orders_of("ann", RUN_DATE, window_days=7) == []


def test_days_whose_values_are_otherwise_now_are_counted(scored):
    assert scored.changed_features({BEFORE: WINDOW}) == []
    assert scored.changed_features({RUN_DATE: WINDOW, BEFORE: WINDOW}) == [ChangedFeatures(RUN_DATE, 1, 3)]


def test_an_order_is_in_the_window_by_its_first_line_and_worth_its_lines_up_to_the_day(store, scored):
    """Of an order before the window no later line counts; of one in it, lines after the day do not count yet."""
    out, inside = RUN_DATE - timedelta(days=7), RUN_DATE - timedelta(days=6)
    store.write(
        f"""insert into order_lines values
        ('6', 'dan', date '{out}', 1.00, null), ('6', 'dan', date '{inside}', 2.00, null),
        ('7', 'eve', date '{inside}', 1.00, null), ('7', 'eve', date '{RUN_DATE + timedelta(days=1)}', 4.00, null)"""
    )
    rows = [("eve", 6, 1, "-2.00"), ("fay", 0, 1, "1.00")]
    request = store.given_features(rows, given_request(attempt=2))
    score(store.warehouse, request, RULES, window_days=7)
    assert scored.changed_features({RUN_DATE: 7}) == [ChangedFeatures(RUN_DATE, 1, 2)]
    assert scored.changed_features({RUN_DATE: 8}) == [ChangedFeatures(RUN_DATE, 4, 5)]


def test_days_are_known_by_their_ledger_rows(scored):
    assert [row.run_date for row in scored.scored_days()] == [BEFORE, RUN_DATE]
    assert scored.scored_before(RUN_DATE) == ScoredDay(BEFORE, 2)
    assert scored.scored_before(BEFORE) is None


def test_segments_and_their_changes_come_by_customer(scored):
    with scored.current_segments(BEFORE, rows=1) as batches:
        arrived = list(batches)
    assert all(batch.schema.equals(CURRENT) and batch.num_rows == 1 for batch in arrived)
    (ann, *_), (bob, *_) = rows_of(arrived)
    assert (ann, bob) == ("ann", "bob")
    with scored.segment_changes(RUN_DATE, BEFORE, rows=10) as batches:
        changes = list(batches)
    assert all(batch.schema.equals(CHANGES) for batch in changes)
    was = {customer: segment for customer, segment, *_ in rows_of(arrived)}
    now = scored.customer_row("ann", RUN_DATE).segment
    expected = [("bob", was["bob"], None)]
    assert rows_of(changes) == ([] if was["ann"] == now else [("ann", was["ann"], now)]) + expected
    with scored.segment_changes(BEFORE, None, rows=10) as batches:
        assert rows_of(batches) == [("ann", None, was["ann"]), ("bob", None, was["bob"])]


def test_counts_for_a_report_are_those_of_the_rows(scored):
    ann, bob = (scored.customer_row(name, BEFORE) for name in ("ann", "bob"))
    now = scored.customer_row("ann", RUN_DATE).segment
    totals = [SegmentTotals(BEFORE, one.segment, 1, one.monetary) for one in (ann, bob)]
    expected = sorted(
        [*totals, SegmentTotals(RUN_DATE, now, 1, D("6.25"))], key=lambda one: (one.run_date, one.segment)
    )
    assert list(scored.segment_totals([BEFORE, RUN_DATE])) == expected
    moves = {SegmentMove(ann.segment, now, 1), SegmentMove(bob.segment, None, 1)}
    assert set(scored.segment_moves(RUN_DATE, BEFORE)) == moves
    cells = [ScoreCell(one.scores[0], one.scores[1], 1, one.monetary, one.monetary) for one in (ann, bob)]
    assert list(scored.score_cells(BEFORE)) == sorted(cells, key=lambda one: (one.r_score, one.f_score))
    cuts = {"recency": [D(0)], "monetary": [D("2.00"), D("6.24"), D(7)]}
    assert scored.counts_up_to(BEFORE, cuts) == {"recency": [2], "monetary": [1, 1, 2]}
    assert scored.counts_up_to(date(2020, 1, 1), cuts) == {"recency": [0], "monetary": [0, 0, 0]}


def test_scores_go_out_as_parquet_of_the_same_types(scored, tmp_path):
    assert scored.export_scores(BEFORE, tmp_path / "scores.parquet") == 2
    table = pq.read_table(tmp_path / "scores.parquet")
    assert [str(kind) for kind in table.schema.types] == [
        *("string", "date32[day]", "int32", "int32", "decimal128(18, 2)"),
        *("int8", "int8", "int8", "string", "string", "string"),
    ]
    assert table.column("monetary").to_pylist() == [D("6.25"), D("2.00")]


def test_nothing_is_left_over_while_all_ended_well(scored):
    scored.remove_staging("staging_of_nobody")
    assert list(scored.abandoned_staging()) == []
