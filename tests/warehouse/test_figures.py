"""The counts that a report is made of: each is what a person would count in rfm_scores by hand."""

from collections import Counter, defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from statistics import median

import pytest

from tests.warehouse.given_features import RUN_DATE, given_request, given_warehouse, read_rows
from tests.workload.given_orders import given_scored
from warehouse.warehouse import ScoreCell, SegmentMove, SegmentTotals

BEFORE = date(2026, 6, 22)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("figures") / "warehouse.duckdb"


@pytest.fixture(scope="module")
def warehouse(path):
    """Forty customers on two days: one leaves, one comes, and those in between buy again."""
    made = given_warehouse(path)
    first = [(f"c{n}", n * 7, 1 + n % 6, Decimal(n * n) / 4 - 1) for n in range(39)]
    second = [(f"c{n}", n * 5 % 90, 1 + n % 7, Decimal(n * n) / 4) for n in range(1, 40)]
    given_scored(made, path, first, given_request(BEFORE))
    given_scored(made, path, second, given_request())
    return made


def scores(path, run_date=RUN_DATE):
    return read_rows(
        path,
        f"""select customer_id, recency, frequency, monetary, r_score, f_score, segment
        from rfm_scores where run_date = '{run_date}'""",
    )


def test_cells_are_the_pairs_of_scores_with_the_money_of_their_customers(warehouse, path):
    found = defaultdict(list)
    for _, _, _, money, r, f, _ in scores(path):
        found[r, f].append(money)
    assert warehouse.score_cells(RUN_DATE) == [
        ScoreCell(r, f, len(money), sum(money), median(money).quantize(Decimal("0.01"), ROUND_HALF_UP))
        for (r, f), money in sorted(found.items())
    ]
    assert warehouse.score_cells(date(2020, 1, 1)) == []


def test_a_cut_counts_all_values_up_to_and_with_it(warehouse, path):
    cuts = {
        "recency": [Decimal(0), Decimal(5), Decimal(40)],
        "frequency": [Decimal(1), Decimal(2), Decimal(10**14)],
        "monetary": [Decimal("-5"), Decimal("0.25"), Decimal("6.25"), Decimal("81.00"), Decimal("9999999999999999.99")],
    }
    rows = scores(path)
    values = {name: [row[place] for row in rows] for place, name in enumerate(cuts, start=1)}
    counted = warehouse.counts_up_to(RUN_DATE, cuts)
    assert counted == {name: [sum(value <= cut for value in values[name]) for cut in cuts[name]] for name in cuts}
    assert Decimal("6.25") in values["monetary"], "a customer stands on a cut"
    assert counted["frequency"][-1] == len(rows)


def test_a_day_without_scores_has_counts_of_zero(warehouse):
    assert warehouse.counts_up_to(date(2020, 1, 1), {"recency": [Decimal(1), Decimal(2)]}) == {"recency": [0, 0]}


def test_totals_are_those_of_the_days_that_were_asked_for(warehouse, path):
    for days in ([BEFORE, RUN_DATE], [RUN_DATE]):
        expected = []
        for day in days:
            rows = scores(path, day)
            for segment, customers in sorted(Counter(row[-1] for row in rows).items()):
                expected.append(
                    SegmentTotals(day, segment, customers, sum(row[3] for row in rows if row[-1] == segment))
                )
        assert warehouse.segment_totals(days) == expected


def test_moves_count_everybody_of_either_day_once(warehouse, path):
    old, new = ({row[0]: row[-1] for row in scores(path, day)} for day in (BEFORE, RUN_DATE))
    expected = Counter((old.get(customer), new.get(customer)) for customer in old | new)
    moves = warehouse.segment_moves(RUN_DATE, BEFORE)
    assert {(move.before, move.now): move.customers for move in moves} == expected
    assert len(moves) == len(expected)
    assert SegmentMove(old["c0"], None, expected[old["c0"], None]) in moves
    assert sum(move.customers for move in moves if move.before is None) == 1
