"""The warehouse in one DuckDB file: opened for each piece of work, and closed after it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from warehouse.duckdb_dates import rows_by_date
from warehouse.duckdb_features import DuckDBFeatures, check_columns
from warehouse.duckdb_figures import MEDIAN_MONETARY, counts_up_to, score_cells, segment_moves, segment_totals
from warehouse.duckdb_file import opened
from warehouse.duckdb_orders import changed_features, orders_of
from warehouse.duckdb_replace import close_run, note_published, replace_scores
from warehouse.duckdb_segments import current_segments, customer_row, rejected, segment_changes
from warehouse.rows import LEDGER, MODEL, ledger_row
from warehouse.staging import ParquetStaging, abandoned_folders, parquet_staging, remove_abandoned
from warehouse.tables import definitions, other_columns
from warehouse.warehouse import (
    Abandoned,
    ChangedFeatures,
    CustomerRow,
    DateRows,
    FeatureTotals,
    LedgerRow,
    Measure,
    Order,
    ScoreCell,
    ScoredDay,
    ScoreTotals,
    SegmentMove,
    SegmentSummary,
    SegmentTotals,
    Staging,
    StoredModel,
    WarehouseUnusable,
)


class DuckDBWarehouse:
    """`lock_wait` in seconds; an empty `memory_limit` leaves DuckDB's own."""

    def __init__(self, path: Path, *, lock_wait: float, memory_limit: str = "") -> None:
        self._path, self._lock_wait, self._memory_limit = path, lock_wait, memory_limit

    def prepare(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WarehouseUnusable(f"{self._path}: its folder cannot be made: {error.strerror}") from None
        with self._opened(read_only=False) as connection:
            self._check_layout(connection)
            for definition in definitions():
                connection.execute(definition)

    def _check_layout(self, connection: duckdb.DuckDBPyConnection) -> None:
        """A table of an older version would take the rows in, or break, only in the middle of a run."""
        found: dict[str, dict[str, str]] = {}
        for table, name, kind in connection.execute(
            "select table_name, column_name, data_type from duckdb_columns() where schema_name = 'main'"
        ).fetchall():
            found.setdefault(table, {})[name] = kind
        if other := other_columns(found):
            raise WarehouseUnusable(
                f"{self._path}: its tables are of another version of this program: {'; '.join(other[:5])}. Move the"
                " file away; the dates can be scored anew from the orders"
            )

    @contextmanager
    def reading(self, run_date: date, *, run_id: str, window_days: int) -> Iterator[DuckDBFeatures]:
        with self._opened() as connection:
            connection.execute("begin transaction")
            check_columns(connection, run_id)
            yield DuckDBFeatures(connection, run_date, run_id=run_id, window_days=window_days)

    def staging(self, run_id: str) -> AbstractContextManager[ParquetStaging]:
        return parquet_staging(self._staging_folder, run_id)

    def abandoned_staging(self) -> list[Abandoned]:
        return abandoned_folders(self._staging_folder)

    def remove_staging(self, name: str) -> None:
        remove_abandoned(self._staging_folder, name)

    @property
    def _staging_folder(self) -> Path:
        return self._path.with_name(f"{self._path.name}.staging")

    def replace_scores(
        self,
        staged: Staging,
        ledger: LedgerRow,
        *,
        features_run: str,
        model_id: str | None,
        fitted: StoredModel | None,
    ) -> None:
        staged.finish()
        with self._opened(read_only=False) as connection:
            replace_scores(connection, staged, ledger, features_run=features_run, model_id=model_id, fitted=fitted)

    def close_run(self, closing: LedgerRow) -> None:
        with self._opened(read_only=False) as connection:
            close_run(connection, closing)

    def note_published(self, published: LedgerRow) -> None:
        with self._opened(read_only=False) as connection:
            note_published(connection, published)

    def rows_by_date(self, step: str) -> dict[date, DateRows]:
        with self._opened() as connection:
            return rows_by_date(connection, step)

    def find_model(self, model_id: str) -> StoredModel | None:
        return self._model("model_id = ?", [model_id])

    def latest_model(self, rules: str, *, before: date) -> StoredModel | None:
        return self._model("rules = ? and fitted_on < ? order by fitted_on desc, fitted_at desc", [rules, before])

    def ledger_row(self, run_id: str, step: str) -> LedgerRow | None:
        rows = self._rows(
            f"select {LEDGER} from run_ledger where run_id = ? and step = ?",  # noqa: S608
            [run_id, step],
        )
        return ledger_row(rows[0]) if rows else None

    def feature_totals(self, run_date: date, run_id: str) -> FeatureTotals:
        [row] = self._rows(
            """
            select
                count(*), count(distinct customer_id), coalesce(sum(monetary), 0),
                count(*) filter (run_id is distinct from ?)
            from rfm_features where run_date = ?
            """,
            [run_id, run_date],
        )
        return FeatureTotals(*row)

    def score_totals(self, run_date: date, run_id: str) -> ScoreTotals:
        [row] = self._rows(
            """
            select
                count(*) filter (is_scored), count(*) filter (not is_scored), count(distinct customer_id),
                coalesce(sum(frequency), 0)::bigint, coalesce(sum(monetary), 0), count(*) filter (run_id <> ?)
            from (
                select true as is_scored, run_date, run_id, customer_id, frequency, monetary from rfm_scores
                union all
                select false, run_date, run_id, customer_id, frequency, monetary from rfm_rejected
            )
            where run_date = ?
            """,
            [run_id, run_date],
        )
        return ScoreTotals(*row)

    def scored_before(self, run_date: date) -> ScoredDay | None:
        rows = self._rows(
            """
            select run_date, count(*) from rfm_scores
            where run_date = (select max(run_date) from rfm_scores where run_date < ?)
            group by run_date
            """,
            [run_date],
        )
        return ScoredDay(*rows[0]) if rows else None

    def scored_days(self) -> list[LedgerRow]:
        rows = self._rows(
            f"""
            select {LEDGER} from run_ledger where step = 'scoring'
            qualify row_number() over (partition by run_date order by committed_at desc) = 1
            order by run_date
            """,  # noqa: S608
            [],
        )
        return [ledger_row(row) for row in rows]

    def customer_row(self, customer_id: str, run_date: date) -> CustomerRow | None:
        with self._opened() as connection:
            return customer_row(connection, customer_id, run_date)

    def orders_of(self, customer_id: str, run_date: date, *, window_days: int) -> list[Order]:
        with self._opened() as connection:
            return orders_of(connection, customer_id, run_date, window_days)

    def changed_features(self, days: Mapping[date, int]) -> list[ChangedFeatures]:
        with self._opened() as connection:
            return changed_features(connection, days)

    @contextmanager
    def current_segments(self, run_date: date, rows: int) -> Iterator[Iterator[pa.RecordBatch]]:
        with self._opened() as connection:
            yield current_segments(connection, run_date, rows)

    @contextmanager
    def segment_changes(self, run_date: date, before: date | None, rows: int) -> Iterator[Iterator[pa.RecordBatch]]:
        with self._opened() as connection:
            yield segment_changes(connection, run_date, before, rows)

    def segment_summary(self, run_date: date) -> list[SegmentSummary]:
        rows = self._rows(
            f"""
            select
                segment, count(*), count(*) / sum(count(*)) over (), sum(frequency)::bigint, sum(monetary),
                median(recency), median(frequency), {MEDIAN_MONETARY}
            from rfm_scores where run_date = ? group by segment
            """,  # noqa: S608
            [run_date],
        )
        return [SegmentSummary(*row) for row in rows]

    def segment_totals(self, run_dates: Sequence[date]) -> list[SegmentTotals]:
        with self._opened() as connection:
            return segment_totals(connection, run_dates)

    def segment_moves(self, run_date: date, before: date) -> list[SegmentMove]:
        with self._opened() as connection:
            return segment_moves(connection, run_date, before)

    def score_cells(self, run_date: date) -> list[ScoreCell]:
        with self._opened() as connection:
            return score_cells(connection, run_date)

    def counts_up_to(self, run_date: date, cuts: Mapping[Measure, Sequence[Decimal]]) -> dict[Measure, list[int]]:
        with self._opened() as connection:
            return counts_up_to(connection, run_date, cuts)

    def export_scores(self, run_date: date, path: Path) -> int:
        with self._opened() as connection:
            copied = connection.execute(
                """
                copy (select * from rfm_scores where run_date = $run_date order by customer_id)
                to $path (format parquet, compression zstd)
                """,
                {"run_date": run_date, "path": str(path)},
            )
            [(rows,)] = copied.fetchall()
        return int(rows)

    @contextmanager
    def rejected(self, run_date: date, rows: int) -> Iterator[Iterator[pa.RecordBatch]]:
        with self._opened() as connection:
            yield rejected(connection, run_date, rows)

    def _opened(self, *, read_only: bool = True) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return opened(self._path, lock_wait=self._lock_wait, memory_limit=self._memory_limit, read_only=read_only)

    def _rows(self, query: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        with self._opened() as connection:
            return connection.execute(query, values).fetchall()

    def _model(self, condition: str, values: Sequence[object]) -> StoredModel | None:
        rows = self._rows(
            f"""
            select {MODEL} from rfm_models where {condition} limit 1
            """,  # noqa: S608
            values,
        )
        return StoredModel(*rows[0]) if rows else None
