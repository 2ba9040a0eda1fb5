"""Customers in memory: as hypothesis draws them, as batches, and counted as a warehouse would count them."""

from collections import Counter
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from rfm.fit import fit
from rfm.model import FittedModel
from rfm.quarantine import FEATURES
from rfm.rule_set import RuleSet
from rfm.score import Scorer

RUN_DATE = date(2026, 6, 29)
WINDOW = 720

few = st.integers(0, 12)
"""Few different values, so that many customers are equal and stand on edges."""
recencies = few | st.integers(0, WINDOW - 1)
frequencies = st.integers(1, 8) | st.integers(1, 2**31 - 1)
cents = st.integers(-5, 5) | st.integers(-(10**6), 10**6) | st.integers(-(10**18) + 1, 10**18 - 1)
customers = st.lists(st.tuples(recencies, frequencies, cents.map(lambda c: Decimal(c).scaleb(-2))), min_size=1)


def batch_of(rows) -> pa.RecordBatch:
    """Customers as a batch of features; the customer's id is its position."""
    columns = list(zip(*rows, strict=True)) if rows else [[], [], []]
    whole = [None if money is None else int(money * 100) for money in columns[2]]
    ids = [f"customer-{number}" for number in range(len(rows))]
    return pa.RecordBatch.from_pydict(
        {"customer_id": ids, "recency": columns[0], "frequency": columns[1], "monetary_cents": whole}, schema=FEATURES
    )


def counter_of(batch: pa.RecordBatch):
    """count_values over a batch, value by value."""

    def count(measure, *, width=1, within=None):
        values = batch["monetary_cents" if measure == "monetary" else measure].to_pylist()
        bucket = [abs(value) // width * (1 if value >= 0 else -1) for value in values]
        if within is not None:
            counted = Counter(value for value, its in zip(values, bucket, strict=True) if its in within)
        else:
            counted = Counter(bucket)
        ordered = sorted(counted.items())
        return tuple(np.array(part, dtype=np.int64) for part in zip(*ordered, strict=True))

    return count


def fitted(rules: RuleSet, rows) -> FittedModel:
    return fit(rules, counter_of(batch_of(rows)), customers=len(rows), fitted_on=RUN_DATE)


def scored(model: FittedModel, rows):
    """(scores, segment) of each customer, in the order of rows."""
    frame = Scorer(model).score(batch_of(rows).to_pandas())
    scores = zip(frame["r_score"], frame["f_score"], frame["m_score"], strict=True)
    return [tuple(map(int, one)) for one in scores], list(frame["segment"])
