"""The warehouse in one BigQuery dataset. Rights, costs and limits: docs/bigquery.md."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import bigquery_segments as queries
from warehouse.bigquery_dates import rows_by_date
from warehouse.bigquery_features import BigQueryFeatures, check_columns
from warehouse.bigquery_orders import changed_features, orders_of
from warehouse.bigquery_place import Place, Value
from warehouse.bigquery_replace import close_run, note_published, replace_scores
from warehouse.bigquery_staging import abandoned_tables, remove_abandoned
from warehouse.bigquery_tables import prepare
from warehouse.money import MONEY
from warehouse.rows import LEDGER, MODEL, ledger_row
from warehouse.staging import ParquetStaging, parquet_staging, temporary_root
from warehouse.warehouse import (
    CHANGES,
    CURRENT,
    REJECTED,
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
)

EXPORT_ROWS = 500_000
EXPORTED = pa.schema(
    {
        "customer_id": pa.string(),
        "run_date": pa.date32(),
        "recency": pa.int32(),
        "frequency": pa.int32(),
        "monetary": MONEY,
        "r_score": pa.int8(),
        "f_score": pa.int8(),
        "m_score": pa.int8(),
        "segment": pa.string(),
        "model_id": pa.string(),
        "run_id": pa.string(),
    }
)


class BigQueryWarehouse:
    """The dataset must be there. Scored batches wait in the local folder for temporary files."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def prepare(self) -> None:
        prepare(self._place)

    @contextmanager
    def reading(self, run_date: date, *, run_id: str, window_days: int) -> Iterator[BigQueryFeatures]:
        check_columns(self._place, run_id)
        yield BigQueryFeatures(self._place, run_date, run_id=run_id, window_days=window_days)

    def staging(self, run_id: str) -> AbstractContextManager[ParquetStaging]:
        return parquet_staging(temporary_root(), run_id)

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
        replace_scores(self._place, staged, ledger, features_run=features_run, model_id=model_id, fitted=fitted)

    def close_run(self, closing: LedgerRow) -> None:
        close_run(self._place, closing)

    def note_published(self, published: LedgerRow) -> None:
        note_published(self._place, published)

    def rows_by_date(self, step: str) -> dict[date, DateRows]:
        return rows_by_date(self._place, step)

    def abandoned_staging(self) -> list[Abandoned]:
        return abandoned_tables(self._place)

    def remove_staging(self, name: str) -> None:
        remove_abandoned(self._place, name)

    def find_model(self, model_id: str) -> StoredModel | None:
        return self._model("model_id = @model_id", {"model_id": model_id})

    def latest_model(self, rules: str, *, before: date) -> StoredModel | None:
        return self._model(
            "rules = @rules and fitted_on < @before order by fitted_on desc, fitted_at desc",
            {"rules": rules, "before": before},
        )

    def ledger_row(self, run_id: str, step: str) -> LedgerRow | None:
        rows = self._place.rows(
            f"select {LEDGER} from run_ledger where run_id = @run_id and step = @step",  # noqa: S608
            {"run_id": run_id, "step": step},
        )
        return ledger_row(rows[0]) if rows else None

    def feature_totals(self, run_date: date, run_id: str) -> FeatureTotals:
        [row] = self._place.rows(
            """
            select
                count(*), count(distinct customer_id), coalesce(sum(monetary), 0),
                countif(run_id is distinct from @run_id)
            from rfm_features where run_date = @run_date
            """,
            {"run_id": run_id, "run_date": run_date},
        )
        return FeatureTotals(*row)

    def score_totals(self, run_date: date, run_id: str) -> ScoreTotals:
        [row] = self._place.rows(
            """
            select
                countif(is_scored), countif(not is_scored), count(distinct customer_id),
                coalesce(sum(frequency), 0), coalesce(sum(monetary), 0), countif(run_id <> @run_id)
            from (
                select true as is_scored, run_id, customer_id, frequency, monetary
                from rfm_scores where run_date = @run_date
                union all
                select false, run_id, customer_id, frequency, monetary from rfm_rejected where run_date = @run_date
            ) as rows_of_the_day
            """,
            {"run_id": run_id, "run_date": run_date},
        )
        return ScoreTotals(*row)

    def scored_before(self, run_date: date) -> ScoredDay | None:
        rows = self._place.rows(
            """
            select run_date, count(*) from rfm_scores where run_date < @run_date
            group by run_date order by run_date desc limit 1
            """,
            {"run_date": run_date},
        )
        return ScoredDay(*rows[0]) if rows else None

    def scored_days(self) -> list[LedgerRow]:
        rows = self._place.rows(
            f"""
            select {LEDGER} from run_ledger where step = 'scoring'
            qualify row_number() over (partition by run_date order by committed_at desc) = 1
            order by run_date
            """  # noqa: S608
        )
        return [ledger_row(row) for row in rows]

    def customer_row(self, customer_id: str, run_date: date) -> CustomerRow | None:
        rows = self._place.rows(queries.CUSTOMER_ROW, {"customer_id": customer_id, "run_date": run_date})
        if not rows:
            return None
        run_id, recency, frequency, monetary, r, f, m, segment, reason = rows[0]
        scores = None if reason else (r, f, m)
        return CustomerRow(run_id, recency, frequency, monetary, scores=scores, segment=segment, reason=reason)

    def orders_of(self, customer_id: str, run_date: date, *, window_days: int) -> list[Order]:
        return orders_of(self._place, customer_id, run_date, window_days)

    def changed_features(self, days: Mapping[date, int]) -> list[ChangedFeatures]:
        return changed_features(self._place, days)

    @contextmanager
    def current_segments(self, run_date: date, rows: int) -> Iterator[Iterator[pa.RecordBatch]]:
        yield self._place.batches(queries.CURRENT_SEGMENTS, {"run_date": run_date}, rows, CURRENT)

    @contextmanager
    def segment_changes(self, run_date: date, before: date | None, rows: int) -> Iterator[Iterator[pa.RecordBatch]]:
        days = {"run_date": run_date, "before": before or date.min}
        yield self._place.batches(queries.SEGMENT_CHANGES, days, rows, CHANGES)

    @contextmanager
    def rejected(self, run_date: date, rows: int) -> Iterator[Iterator[pa.RecordBatch]]:
        yield self._place.batches(queries.REJECTED_ROWS, {"run_date": run_date}, rows, REJECTED)

    def segment_summary(self, run_date: date) -> list[SegmentSummary]:
        return [SegmentSummary(*row) for row in self._place.rows(queries.SEGMENT_SUMMARY, {"run_date": run_date})]

    def segment_totals(self, run_dates: Sequence[date]) -> list[SegmentTotals]:
        days = ", ".join(f"date '{day}'" for day in run_dates)
        rows = self._place.rows(
            f"""
            select run_date, segment, count(*), sum(monetary)
            from rfm_scores where run_date in unnest(array<date>[{days}])
            group by run_date, segment order by run_date, segment
            """  # noqa: S608
        )
        return [SegmentTotals(*row) for row in rows]

    def segment_moves(self, run_date: date, before: date) -> list[SegmentMove]:
        rows = self._place.rows(queries.SEGMENT_MOVES, {"run_date": run_date, "before": before})
        return [SegmentMove(*row) for row in rows]

    def score_cells(self, run_date: date) -> list[ScoreCell]:
        return [ScoreCell(*row) for row in self._place.rows(queries.SCORE_CELLS, {"run_date": run_date})]

    def counts_up_to(self, run_date: date, cuts: Mapping[Measure, Sequence[Decimal]]) -> dict[Measure, list[int]]:
        counted = [f"countif({measure} <= {Decimal(cut)})" for measure, values in cuts.items() for cut in values]
        if not counted:
            return {measure: [] for measure in cuts}
        [found] = self._place.rows(
            f"select {', '.join(counted)} from rfm_scores where run_date = @run_date",  # noqa: S608
            {"run_date": run_date},
        )
        rest = iter(found)
        return {measure: [next(rest) for _ in values] for measure, values in cuts.items()}

    def export_scores(self, run_date: date, path: Path) -> int:
        query = f"select {', '.join(EXPORTED.names)} from rfm_scores where run_date = @run_date order by customer_id"  # noqa: S608
        rows = 0
        with pq.ParquetWriter(path, EXPORTED, compression="zstd") as file:
            for batch in self._place.batches(query, {"run_date": run_date}, EXPORT_ROWS, EXPORTED):
                file.write_batch(batch)
                rows += batch.num_rows
        return rows

    def _model(self, condition: str, values: Mapping[str, Value]) -> StoredModel | None:
        rows = self._place.rows(
            f"""
            select {MODEL} from rfm_models where {condition} limit 1
            """,  # noqa: S608
            values,
        )
        return StoredModel(*rows[0]) if rows else None
