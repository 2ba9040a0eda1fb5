"""What a run publishes for those who ask: the same as in the warehouse, by atomic rename, for the last run_dates."""

from datetime import timedelta
from decimal import Decimal

import duckdb
import pytest

from rfm.read_rules import rules_named
from snapshot.layout import snapshot_files, snapshots_folder
from snapshot.read import Snapshot
from snapshot.write import write_snapshot
from tests.warehouse.given_features import RUN_DATE, WINDOW, given_features, given_request, given_warehouse, read_rows
from workload import snapshot as snapshot_module
from workload.publish import NotCommitted, publish
from workload.score import score
from workload.snapshot import publish_snapshot

RULES = rules_named("quintile")
ROWS = [(f"c{number:02}", number, 1 + number % 7, Decimal(number) / 4) for number in range(40)]
REFUNDS = ("refunds", None, 0, "-1.00")


@pytest.fixture
def warehouse(path):
    return given_warehouse(path)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "published"


def committed(warehouse, path, rows, **request):
    request = given_features(path, rows, given_request(**request))
    score(warehouse, request, RULES, window_days=WINDOW)
    return request


def published(warehouse, path, folder, rows=(*ROWS, REFUNDS), keep=26, **request):
    request = committed(warehouse, path, rows, **request)
    publish(warehouse, request, folder)
    return publish_snapshot(warehouse, request, folder, keep=keep)


def test_every_scored_customer_is_found_with_what_stands_in_the_warehouse(warehouse, path, folder):
    snapshot = Snapshot(published(warehouse, path, folder))

    stored = read_rows(
        path, "select customer_id, recency, frequency, monetary, r_score, f_score, m_score, segment from rfm_scores"
    )
    assert len(stored) == len(ROWS)
    for customer_id, recency, frequency, monetary, *scores, segment in stored:
        found = snapshot.customer(customer_id)
        assert (found.recency, found.frequency, Decimal(found.monetary_cents) / 100) == (recency, frequency, monetary)
        assert (list(found.scores), found.segment, found.reason) == (scores, segment, None)


def test_a_rejected_customer_is_found_with_the_reason(warehouse, path, folder):
    found = Snapshot(published(warehouse, path, folder)).customer("refunds")

    assert (found.reason, found.scores, found.segment) == ("no_positive_order", None, None)
    assert (found.recency, found.frequency, found.monetary_cents) == (None, 0, -100)


def test_it_tells_which_run_and_model_it_is_of(warehouse, path, folder):
    about = Snapshot(published(warehouse, path, folder)).about

    assert (about.run_id, about.run_date, about.window_days) == ("rfm-2026-06-29-1", RUN_DATE, WINDOW)
    assert (about.scored, about.rejected) == (40, 1)
    assert about.model.id == about.model_id
    assert sum(segment.customers for segment in about.segments) == 40


def test_publishing_again_gives_the_same_bytes_and_leaves_nothing_beside(warehouse, path, folder):
    first = published(warehouse, path, folder).read_bytes()
    again = published(warehouse, path, folder)

    assert again.read_bytes() == first
    assert [file.name for file in again.parent.iterdir()] == ["2026-06-29.sqlite"]


def test_a_day_without_customers_has_a_snapshot_too(warehouse, path, folder):
    snapshot = Snapshot(published(warehouse, path, folder, rows=[]))

    assert (snapshot.about.model, snapshot.about.segments, snapshot.scorer) == (None, [], None)
    assert snapshot.customer("c01") is None


def test_the_warehouse_is_free_while_the_file_is_written(warehouse, path, folder, monkeypatch):
    opened_at = []

    def each_after_a_look(rows):
        for row in rows:
            duckdb.connect(str(path)).close()  # refused while anybody has the file open
            opened_at.append(row[0])
            yield row

    monkeypatch.setattr(
        snapshot_module, "write_snapshot", lambda to, about, rows: write_snapshot(to, about, each_after_a_look(rows))
    )
    snapshot = Snapshot(published(warehouse, path, folder, rows=[*ROWS[:3], REFUNDS]))

    assert opened_at == ["c00", "c01", "c02", "refunds"]
    assert snapshot.customer("refunds").reason == "no_positive_order"


def test_only_the_last_run_dates_are_kept(warehouse, path, folder):
    days = [RUN_DATE - timedelta(days=back) for back in (7, 0, 14, 21)]
    for day in days:
        published(warehouse, path, folder, run_date=day, keep=2)

    assert list(snapshot_files(snapshots_folder(folder, "rfm"))) == [RUN_DATE, RUN_DATE - timedelta(days=7)]


def test_what_another_run_has_published_is_not_taken_for_ones_own(warehouse, path, folder):
    whole = published(warehouse, path, folder).read_bytes()
    second = committed(warehouse, path, ROWS, attempt=2)

    with pytest.raises(NotCommitted, match="rfm-2026-06-29-2"):
        publish_snapshot(warehouse, second, folder, keep=26)

    assert (snapshots_folder(folder, "rfm") / "2026-06-29.sqlite").read_bytes() == whole


def test_a_run_whose_scores_are_replaced_while_the_file_is_made_is_not_mixed_with_them(warehouse, path, folder):
    first = committed(warehouse, path, ROWS)
    publish(warehouse, first, folder)
    committed(warehouse, path, [REFUNDS, *ROWS[5:]], attempt=2)

    with pytest.raises(NotCommitted, match="another run has replaced the scores"):
        publish_snapshot(warehouse, first, folder, keep=26)

    assert list(snapshots_folder(folder, "rfm").iterdir()) == []


def test_a_request_for_a_later_step_of_the_run_does_as_well(warehouse, path, folder):
    request = committed(warehouse, path, ROWS)
    publish(warehouse, request, folder)

    path = publish_snapshot(warehouse, request.model_copy(update={"step": "report"}), folder, keep=26)

    assert Snapshot(path).about.run_id == request.run_id
