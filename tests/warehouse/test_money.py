from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.money import MONEY, cents_of, money_of

some_cents = st.lists(st.none() | st.integers(1 - 10**18, 10**18 - 1))


@given(some_cents, st.integers(0, 5), st.integers(0, 5))
def test_cents_are_money_times_a_hundred_in_both_directions_whatever_part_of_an_array_is_taken(cents, start, stop):
    money = [None if one is None else Decimal(one).scaleb(-2) for one in cents]
    part = slice(start, max(start, len(cents) - stop))
    arrow_cents = pa.array(cents, pa.int64()).slice(part.start, max(0, part.stop - part.start))
    arrow_money = pa.array(money, MONEY).slice(part.start, max(0, part.stop - part.start))
    assert cents_of(arrow_money).to_pylist() == cents[part]
    assert money_of(arrow_cents).to_pylist() == money[part]
    money_of(arrow_cents).validate(full=True)


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="double"):
        cents_of(pa.array([1.5]))
