"""Every row is scored or rejected, once, and the first reason that applies is given."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfm.quarantine import FEATURES, REJECTED, FeaturesBroken, split

WINDOW = 720
GOOD = ("c", 3, 1, 100)


def batch_of(*rows) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else [[]] * 4
    return pa.RecordBatch.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, FEATURES, strict=True)], schema=FEATURES
    )


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((None, 3, 1, 100), "missing_customer"),
        (("", 3, 1, 100), "missing_customer"),
        (("c", None, 0, -100), "no_positive_order"),
        (("c", None, 0, 0), "no_positive_order"),
        (("c", None, 2, 100), "missing_recency"),
        (("c", 3, None, 100), "missing_frequency"),
        (("c", 3, 1, None), "missing_monetary"),
        (("c", -1, 1, 100), "recency_out_of_window"),
        (("c", WINDOW, 1, 100), "recency_out_of_window"),
        (("c", 3, 0, 100), "frequency_not_positive"),
        (("c", 3, -2, 100), "frequency_not_positive"),
        ((None, None, None, None), "missing_customer"),
    ],
)
def test_a_broken_row_is_rejected_with_its_reason_and_its_values(row, reason):
    scorable, rejected = split(batch_of(GOOD, row), window_days=WINDOW)
    assert scorable.to_pylist() == batch_of(GOOD).to_pylist()
    assert [tuple(one.values()) for one in rejected.to_pylist()] == [(*row, reason)]


@pytest.mark.parametrize("row", [("c", 0, 1, 0), ("c", WINDOW - 1, 2**31 - 1, 10**18), (" ", 5, 1, -(10**18))])
def test_extreme_but_sound_rows_are_scored(row):
    scorable, rejected = split(batch_of(row), window_days=WINDOW)
    assert scorable.num_rows == 1
    assert rejected.num_rows == 0


anything = st.tuples(
    st.none() | st.sampled_from(["", "a", "b"]),
    st.none() | st.integers(-3, WINDOW + 3),
    st.none() | st.integers(-2, 3),
    st.none() | st.integers(-5, 5),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(anything))
def test_every_row_is_in_exactly_one_half(rows):
    scorable, rejected = split(batch_of(*rows), window_days=WINDOW)
    values = [tuple(row.values()) for row in scorable.to_pylist()]
    values += [tuple(row.values())[:4] for row in rejected.to_pylist()]
    assert sorted(values, key=repr) == sorted(rows, key=repr)
    assert rejected["reason"].null_count == 0
    assert rejected.schema.equals(REJECTED)
    assert all(column.null_count == 0 for column in scorable.columns)


def test_columns_of_another_type_are_refused_before_anything_is_scored():
    floats = pa.RecordBatch.from_pydict(
        {"customer_id": ["c"], "recency": [1.0], "frequency": [1], "monetary_cents": [float("nan")]}
    )
    with pytest.raises(FeaturesBroken, match="recency double"):
        split(floats, window_days=WINDOW)
