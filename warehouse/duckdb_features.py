"""Reads the features of one run_date from DuckDB, as they stood when the reading began."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import duckdb
import numpy as np
import pyarrow as pa

from warehouse.batches import in_size
from warehouse.money import cents_of
from warehouse.tables import FEATURE_COLUMNS
from warehouse.warehouse import FEATURES, FeaturesMissing, Integers, Measure

VALUES: Mapping[Measure, str] = {
    "recency": "cast(recency as bigint)",
    "frequency": "cast(frequency as bigint)",
    "monetary": "cast(cast(monetary as decimal(20, 2)) * 100 as bigint)",
}
UNITS: Mapping[Measure, int] = {"recency": 1, "frequency": 1, "monetary": 100}
SCORABLE = (
    "coalesce(customer_id, '') <> '' and recency >= 0 and recency < ? and frequency >= 1 and monetary is not null"
)


class DuckDBFeatures:
    def __init__(self, connection: duckdb.DuckDBPyConnection, run_date: date, *, run_id: str, window_days: int) -> None:
        self._connection, self._run_date, self._window_days = connection, run_date, window_days
        [(self.rows, self.foreign_rows, self.scorable)] = connection.execute(
            f"""
            select count(*), count(*) filter (run_id is distinct from ?), count(*) filter ({SCORABLE})
            from rfm_features where run_date = ?
            """,  # noqa: S608
            [run_id, window_days, run_date],
        ).fetchall()

    def count_values(
        self, measure: Measure, *, width: int = 1, within: Sequence[int] | None = None
    ) -> tuple[Integers, Integers]:
        # whole units of money, and cents only of what is left after counting: decimals are dear to multiply
        bucket = f"cast({measure} as bigint) // {max(1, int(width) // UNITS[measure])}"
        single = width == 1 or within is not None
        chosen = "" if within is None else f"and {bucket} in ({', '.join(str(int(one)) for one in within)})"
        counted = self._connection.execute(
            f"""
            select {VALUES[measure] if single else measure} as value, times
            from (
                select {measure if single else bucket} as {measure}, count(*) as times
                from rfm_features where run_date = ? and {SCORABLE} {chosen}
                group by 1
            )
            order by 1
            """,  # noqa: S608
            [self._run_date, self._window_days],
        ).fetchnumpy()
        return np.asarray(counted["value"]), np.asarray(counted["times"])

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        reader = self._connection.sql(
            """
            select customer_id, recency, frequency, monetary
            from rfm_features where run_date = ?
            """,
            params=[self._run_date],
        ).to_arrow_reader(rows)
        # DuckDB ends a batch where a group of its rows ends, long before `rows`
        for batch in in_size(reader, rows):
            *others, money = batch.columns
            yield pa.RecordBatch.from_arrays([*others, cents_of(money)], schema=FEATURES)


def check_columns(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Raises FeaturesMissing unless rfm_features has the columns and types that were agreed on."""
    try:
        rows = connection.execute("select name, type from pragma_table_info('rfm_features')").fetchall()
    except duckdb.CatalogException:
        raise FeaturesMissing(f"run {run_id}: there is no table rfm_features; run the step features first") from None
    found = dict(rows)
    wrong = [
        f"{name} is {found.get(name, 'missing')}, not {kind}"
        for name, kind in FEATURE_COLUMNS.items()
        if found.get(name) != kind
    ]
    if wrong:
        raise FeaturesMissing(f"run {run_id}: rfm_features is not as agreed: {'; '.join(wrong)}")
