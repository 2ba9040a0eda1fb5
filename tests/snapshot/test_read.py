import os

import pytest

from snapshot.layout import snapshot_name, snapshots_folder
from snapshot.read import Snapshot, SnapshotUnavailable
from tests.snapshot.given_snapshots import CUSTOMERS, FIRST_PAGE, RUN_DATE, given_snapshot


@pytest.fixture
def snapshot(tmp_path):
    given_snapshot(tmp_path, rejected={"only refunds": "no_positive_order"})
    return Snapshot(snapshots_folder(tmp_path, "rfm") / snapshot_name(RUN_DATE))


def test_pages_of_all_segments_together_hold_every_scored_customer_once_and_in_order(snapshot):
    found = []
    for segment in snapshot.segment_names:
        last, in_segment = "", []
        while page := snapshot.customers_of(segment, after=last, limit=3):
            in_segment += [customer.customer_id for customer in page]
            last = in_segment[-1]
        assert in_segment == sorted(in_segment)
        assert all(snapshot.customer(customer_id).segment == segment for customer_id in in_segment)
        found += in_segment

    assert sorted(found) == sorted(CUSTOMERS)


def test_the_index_is_used_for_pages(snapshot):
    [plan] = snapshot._connection.execute(
        "explain query plan select * from customers where segment = 1 and customer_id > 'a' order by customer_id"
    ).fetchall()

    assert "USING INDEX by_segment (segment=? AND customer_id>?)" in plan[-1]


@pytest.mark.parametrize("customer_id", ["", "' or 1=1 --", "c01\0", "ç☃", "x" * 10_000])
def test_whatever_is_asked_for_is_looked_up_as_it_is(snapshot, customer_id):
    assert snapshot.customer(customer_id) is None


def test_a_replaced_file_is_still_read_as_it_was_by_who_has_it_open(snapshot, tmp_path):
    given_snapshot(tmp_path, {"new": (1, 1, "5.00")}, attempt=2)

    assert snapshot.customer("c01") is not None
    assert snapshot.customer("new") is None


def test_what_cannot_be_read_from_the_file_any_more_is_an_error_that_may_pass(snapshot):
    os.truncate(snapshot.path, FIRST_PAGE)

    for ask in (lambda: snapshot.customer("c01"), lambda: snapshot.customers_of("loyal", after="", limit=3)):
        with pytest.raises(SnapshotUnavailable, match="the results of 1998-06-30 cannot be read: "):
            ask()
