"""Quarantine: which feature rows are not scored, and why. Every row is either scored or rejected, once."""

import pyarrow as pa
import pyarrow.compute as pc

from errors import Permanent

FEATURES = pa.schema(
    {
        "customer_id": pa.string(),
        "recency": pa.int32(),
        "frequency": pa.int32(),
        "monetary_cents": pa.int64(),
    }
)
"""A batch of features as the warehouse hands it over; recency is null without a purchase in the window."""

REJECTED = pa.schema([*FEATURES, pa.field("reason", pa.string())])

REASONS = (
    "missing_customer",
    "no_positive_order",
    "missing_recency",
    "missing_frequency",
    "missing_monetary",
    "recency_out_of_window",
    "frequency_not_positive",
)
"""In the order in which they are looked for."""


class FeaturesBroken(Permanent):
    """The features do not have the columns and types that were agreed on; nothing was scored."""


def split(batch: pa.RecordBatch, *, window_days: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The rows to score (FEATURES, without nulls), and the rejected ones with the reason (REJECTED).

    The first reason that applies is given. Raises FeaturesBroken.
    """
    if not batch.schema.equals(FEATURES):
        raise FeaturesBroken(f"features come as ({_spell(batch.schema)}), agreed on is ({_spell(FEATURES)})")
    reasons = _reasons(batch, window_days)
    scorable = reasons.is_null()
    refused = batch.append_column("reason", reasons).filter(pc.invert(scorable))
    return batch.filter(scorable), refused.cast(REJECTED)


def _reasons(batch: pa.RecordBatch, window_days: int) -> pa.Array:
    """Text per row, null where the row can be scored."""
    customer, recency, frequency, cents = batch.columns
    no_order = pc.fill_null(pc.equal(frequency, 0), False)
    broken = [
        pc.fill_null(pc.equal(customer, ""), True),
        pc.and_(pc.is_null(recency), no_order),
        pc.is_null(recency),
        pc.is_null(frequency),
        pc.is_null(cents),
        pc.fill_null(pc.or_(pc.less(recency, 0), pc.greater_equal(recency, window_days)), False),
        pc.fill_null(pc.less(frequency, 1), False),
    ]
    conditions = pa.StructArray.from_arrays(broken, names=REASONS)
    return pc.case_when(conditions, *(pa.scalar(reason) for reason in REASONS))


def _spell(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in schema)[:300]
