"""Reads the features of one run_date from BigQuery, as they stood when the reading began.

Counts are queries as of that moment. The rows come through the Storage API, which reads the partition's columns
as of the same moment without a query, and so without a query's cost.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
from google.api_core.exceptions import NotFound
from google.cloud.bigquery_storage_v1 import types

from warehouse.batches import in_size
from warehouse.bigquery_errors import in_plain_words
from warehouse.bigquery_place import Place
from warehouse.money import MONEY, cents_of
from warehouse.tables import FEATURE_COLUMNS
from warehouse.warehouse import FEATURES, FeaturesMissing, Integers, Measure

KINDS = {"VARCHAR": "STRING", "DATE": "DATE", "INTEGER": "INTEGER", "DECIMAL(18,2)": "NUMERIC"}
VALUES: Mapping[Measure, str] = {
    "recency": "recency",
    "frequency": "frequency",
    "monetary": "cast(cast(monetary as bignumeric) * 100 as int64)",
}
SCORABLE = (
    "coalesce(customer_id, '') <> '' and recency >= 0 and recency < @window_days and frequency >= 1"
    " and monetary is not null"
)


class BigQueryFeatures:
    def __init__(self, place: Place, run_date: date, *, run_id: str, window_days: int) -> None:
        self._place, self._run_date, self._window_days = place, run_date, window_days
        self._labels = {"step": "scoring", "run_id": run_id}
        [(self._moment, self.rows, self.foreign_rows, self.scorable)] = place.rows(
            f"""
            select current_timestamp(), count(*), countif(run_id is distinct from @run_id), countif({SCORABLE})
            from rfm_features where run_date = @run_date
            """,  # noqa: S608
            {"run_id": run_id, "run_date": run_date, "window_days": window_days},
            labels=self._labels,
        )

    def count_values(
        self, measure: Measure, *, width: int = 1, within: Sequence[int] | None = None
    ) -> tuple[Integers, Integers]:
        value = VALUES[measure]
        bucket = f"div({value}, {max(1, int(width))})"
        counted = value if width == 1 or within is not None else bucket
        chosen = "" if within is None else f"and {bucket} in ({', '.join(str(int(one)) for one in within)})"
        rows = self._place.rows(
            f"""
            select {counted} as value, count(*) as times
            from rfm_features for system_time as of timestamp '{self._moment.astimezone(UTC).isoformat()}'
            where run_date = @run_date and {SCORABLE} {chosen}
            group by value order by value
            """,  # noqa: S608
            {"run_date": self._run_date, "window_days": self._window_days},
            labels=self._labels,
        )
        values, times = np.array(rows, dtype=np.int64).reshape(-1, 2).T
        return values, times

    def batches(self, rows: int) -> Iterator[pa.RecordBatch]:
        for batch in in_size(self._pages(), rows):
            customers, recency, frequency, money = (batch.column(name) for name in SELECTED)
            columns = [customers, recency.cast(pa.int32()), frequency.cast(pa.int32()), cents_of(money.cast(MONEY))]
            yield pa.RecordBatch.from_arrays(columns, schema=FEATURES)

    def _pages(self) -> Iterator[pa.RecordBatch]:
        with in_plain_words(str(self._place)):
            session = self._place.storage.create_read_session(
                parent=f"projects/{self._place.project}", read_session=self._session(), max_stream_count=1
            )
            for stream in session.streams:
                schema = pa.ipc.read_schema(pa.py_buffer(session.arrow_schema.serialized_schema))
                for page in self._place.storage.read_rows(stream.name):
                    content = pa.py_buffer(page.arrow_record_batch.serialized_record_batch)
                    yield pa.ipc.read_record_batch(content, schema)

    def _session(self) -> types.ReadSession:
        table = self._place.table("rfm_features")
        session = types.ReadSession(table=table.to_bqstorage(), data_format=types.DataFormat.ARROW)
        session.read_options.selected_fields = list(SELECTED)
        session.read_options.row_restriction = f"run_date = DATE '{self._run_date}'"
        moment: datetime = self._moment
        session.table_modifiers.snapshot_time = moment
        return session


SELECTED = ("customer_id", "recency", "frequency", "monetary")


def check_columns(place: Place, run_id: str) -> None:
    """Raises FeaturesMissing unless rfm_features has the columns and types that were agreed on."""
    with in_plain_words(str(place)):
        try:
            schema = place.client.get_table(place.table("rfm_features"), retry=place.retry).schema
        except NotFound:
            raise FeaturesMissing(
                f"run {run_id}: there is no table rfm_features; run the step features first"
            ) from None
    found = {field.name: field.field_type for field in schema}
    wrong = [
        f"{name} is {found.get(name, 'missing')}, not {KINDS[kind]}"
        for name, kind in FEATURE_COLUMNS.items()
        if found.get(name) != KINDS[kind]
    ]
    if wrong:
        raise FeaturesMissing(f"run {run_id}: rfm_features is not as agreed: {'; '.join(wrong)}")
