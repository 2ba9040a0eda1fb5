"""An orders file in, a file of scores out: the model alone."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from errors import Permanent
from rfm.fit import fit
from rfm.model import CENT, FittedModel
from rfm.own_orders import OwnFeatures, counting
from rfm.quarantine import split
from rfm.rule_set import RuleSet
from rfm.score import Scorer
from rfm.spreadsheet import without_formulas

BATCH_ROWS = 100_000
"""Customers after which the progress is told."""
SCORED = pa.schema(
    {
        "customer_id": pa.string(),
        "run_date": pa.date32(),
        "recency": pa.int32(),
        "frequency": pa.int32(),
        "monetary": pa.decimal128(18, 2),
        "r_score": pa.int8(),
        "f_score": pa.int8(),
        "m_score": pa.int8(),
        "segment": pa.string(),
        "model_id": pa.string(),
    }
)


class NobodyToScore(Permanent):
    """No customer has a purchase in the window; nothing was written."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What was written. `segments` are numbers of customers, in the order of the rules."""

    model: FittedModel
    scored: int
    rejected: Mapping[str, int]
    segments: Mapping[str, int]


def score_features(
    features: OwnFeatures,
    run_date: date,
    rules: RuleSet,
    output: Path,
    *,
    window_days: int,
    progress: Callable[[int], object] | None = None,
) -> Summary:
    """Fits the rules on the features and writes SCORED by customer, as CSV or Parquet after the suffix of `output`.

    In CSV, text that a spreadsheet would execute is made harmless; Parquet has every id as it is.
    `progress` is told how many customers are done. A file that is there is replaced by the whole new one, or stays.
    Raises NobodyToScore, and OSError when the file cannot be written.
    """
    scorable, refused = split(_one_batch(features.table), window_days=window_days)
    if not scorable.num_rows:
        raise NobodyToScore(f"no customer has an order of more than 0 in the {window_days} days up to {run_date}")
    table = pa.Table.from_batches([scorable])
    model = fit(rules, counting(table), customers=table.num_rows, fitted_on=run_date)
    counts: Counter[str] = Counter()
    beside = output.with_name(f".{output.name}.new")
    try:
        is_csv = output.suffix.lower() == ".csv"
        with _writer(beside, is_csv=is_csv) as writer:
            for batch in _scored(table, model, run_date):
                writer.write_batch(without_formulas(batch) if is_csv else batch)
                counts.update(batch["segment"].to_pylist())
                if progress:
                    progress(counts.total())
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)
    rejected = {one["values"]: one["counts"] for one in refused["reason"].value_counts().to_pylist()}
    segments = {one.name: counts[one.name] for one in rules.segments if counts[one.name]}
    return Summary(model, counts.total(), rejected, segments)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    columns = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _scored(table: pa.Table, model: FittedModel, run_date: date) -> Iterator[pa.RecordBatch]:
    scorer = Scorer(model)
    for batch in table.to_batches(max_chunksize=BATCH_ROWS):
        frame = scorer.score(batch.to_pandas())
        rows = len(frame)
        money = pc.multiply(batch["monetary_cents"].cast(pa.decimal128(19, 0)), pa.scalar(CENT))
        columns = {
            "customer_id": batch["customer_id"],
            "run_date": pa.array([run_date] * rows, pa.date32()),
            "recency": batch["recency"],
            "frequency": batch["frequency"],
            "monetary": money.cast(SCORED.field("monetary").type),
            **{name: pa.array(frame[name]) for name in ("r_score", "f_score", "m_score")},
            "segment": pa.array(frame["segment"].astype("str")),
            "model_id": pa.array([model.id] * rows),
        }
        yield pa.RecordBatch.from_pydict(columns, schema=SCORED)


def _writer(path: Path, *, is_csv: bool) -> Any:
    return pa.csv.CSVWriter(path, SCORED) if is_csv else pa.parquet.ParquetWriter(path, SCORED, compression="zstd")
