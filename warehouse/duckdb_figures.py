"""Counts of a run_date's committed scores, for those who look at them as a whole: no customer leaves the database."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import accumulate
from math import floor

import duckdb

from warehouse.duckdb_features import UNITS, VALUES
from warehouse.warehouse import Measure, ScoreCell, SegmentMove, SegmentTotals

MEDIAN_MONETARY = "cast(median(cast(monetary as decimal(20, 3))) as decimal(18, 2))"
"""Between two values it is rounded half up; DuckDB itself cuts it to the decimals that it is given."""


def score_cells(connection: duckdb.DuckDBPyConnection, run_date: date) -> list[ScoreCell]:
    rows = connection.execute(
        f"""
        select r_score, f_score, count(*), sum(monetary), {MEDIAN_MONETARY}
        from rfm_scores where run_date = ? group by r_score, f_score order by r_score, f_score
        """,  # noqa: S608
        [run_date],
    ).fetchall()
    return [ScoreCell(*row) for row in rows]


def counts_up_to(
    connection: duckdb.DuckDBPyConnection, run_date: date, cuts: Mapping[Measure, Sequence[Decimal]]
) -> dict[Measure, list[int]]:
    """DuckDB's histogram counts up to and with each bound, many times faster than a filter for each. It is asked in
    whole days, orders and cents: of decimals it makes floats."""
    whole = {measure: [floor(cut * UNITS[measure]) for cut in values] for measure, values in cuts.items()}
    columns = ", ".join(f"histogram({VALUES[measure]}, ${measure}::bigint[])" for measure in whole)
    bounds: dict[str, object] = {measure: list(values) for measure, values in whole.items()}
    [found] = connection.execute(
        f"select {columns} from rfm_scores where run_date = $run_date",  # noqa: S608
        bounds | {"run_date": run_date},
    ).fetchall()
    return {
        measure: list(accumulate((counted or {}).get(cut, 0) for cut in whole[measure]))
        for measure, counted in zip(whole, found, strict=True)
    }


def segment_totals(connection: duckdb.DuckDBPyConnection, run_dates: Sequence[date]) -> list[SegmentTotals]:
    rows = connection.execute(
        """
        select run_date, segment, count(*), sum(monetary)
        from rfm_scores where list_contains($run_dates::date[], run_date)
        group by run_date, segment order by run_date, segment
        """,
        {"run_dates": list(run_dates)},
    ).fetchall()
    return [SegmentTotals(*row) for row in rows]


def segment_moves(connection: duckdb.DuckDBPyConnection, run_date: date, before: date) -> list[SegmentMove]:
    rows = connection.execute(
        """
        with
            old as (select customer_id, segment from rfm_scores where run_date = $before),
            new as (select customer_id, segment from rfm_scores where run_date = $run_date)
        select old.segment, new.segment, count(*)
        from old full join new on old.customer_id = new.customer_id
        group by old.segment, new.segment
        order by old.segment nulls last, new.segment nulls last
        """,
        {"run_date": run_date, "before": before},
    ).fetchall()
    return [SegmentMove(*row) for row in rows]
