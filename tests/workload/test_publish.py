import csv
import hashlib
import json
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from rfm.read_rules import rules_named
from tests.warehouse.given_features import WINDOW, given_features, given_request, given_warehouse, read_rows
from warehouse.closing import close_run
from warehouse.warehouse import PUBLISHED, RunClosed
from workload.note_published import note_published
from workload.publish import NotCommitted, publish
from workload.score import score

RULES = rules_named("quintile")
ROWS = [(f"c{number}", number, 1 + number % 7, Decimal(number)) for number in range(40)]


@pytest.fixture
def warehouse(path):
    return given_warehouse(path)


def committed(warehouse, path, rows=ROWS, attempt=1):
    request = given_features(path, [*rows, ("refunds", None, 0, "-1.00")], given_request(attempt=attempt))
    score(warehouse, request, RULES, window_days=WINDOW)
    return request


def test_readers_find_scores_segments_and_a_manifest_that_fits_them(warehouse, path, tmp_path):
    request = committed(warehouse, path)
    folder = publish(warehouse, request, tmp_path / "published")
    assert folder == tmp_path / "published" / "rfm" / "2026-06-29"
    assert sorted(file.name for file in folder.iterdir()) == [
        "manifest.json",
        "scores.parquet",
        "segments.csv",
        "segments.json",
    ]
    scores = [tuple(row.values()) for row in pq.read_table(folder / "scores.parquet").to_pylist()]
    assert scores == read_rows(path, "select * from rfm_scores order by customer_id")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["run_id"], manifest["scored"], manifest["rejected"]) == (request.run_id, 40, 1)
    assert manifest["sha256"] == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("scores.parquet", "segments.csv", "segments.json")
    }


def test_segments_stand_in_the_order_of_the_rules_with_colour_and_advice(warehouse, path, tmp_path):
    folder = publish(warehouse, committed(warehouse, path), tmp_path / "published")
    content = json.loads((folder / "segments.json").read_text())
    rows = content["segments"]
    order = [segment.name for segment in RULES.segments]
    assert [row["segment"] for row in rows] == sorted((row["segment"] for row in rows), key=order.index)
    assert sum(row["customers"] for row in rows) == 40
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    assert sum(row["revenue"] for row in rows) == sum(range(40))
    assert all(row["colour"].startswith("#") and row["advice"] for row in rows)
    assert content["model_id"].startswith("quintile-2026-06-29-")
    with (folder / "segments.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["segment"] for row in table] == [row["segment"] for row in rows]
    assert [float(row["revenue"]) for row in table] == [row["revenue"] for row in rows]


def test_publishing_again_gives_the_same_bytes(warehouse, path, tmp_path):
    request = committed(warehouse, path)
    folder = publish(warehouse, request, tmp_path / "published")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    publish(warehouse, request, tmp_path / "published")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_reader_of_the_old_file_keeps_it_while_it_is_replaced(warehouse, path, tmp_path):
    folder = publish(warehouse, committed(warehouse, path), tmp_path / "published")
    with (folder / "segments.csv").open() as reader:
        old = (folder / "segments.csv").read_text()
        publish(warehouse, committed(warehouse, path, ROWS[:5], attempt=2), tmp_path / "published")
        assert reader.read() == old
    assert (folder / "segments.csv").read_text() != old


def test_a_day_without_customers_is_published_too(warehouse, path, tmp_path):
    request = given_features(path, [])
    score(warehouse, request, RULES, window_days=WINDOW)
    folder = publish(warehouse, request, tmp_path / "published")
    assert pq.read_table(folder / "scores.parquet").num_rows == 0
    assert json.loads((folder / "segments.json").read_text())["segments"] == []
    assert len((folder / "segments.csv").read_text().splitlines()) == 1
    assert json.loads((folder / "manifest.json").read_text())["model_id"] is None


def test_only_what_this_run_has_committed_is_published(warehouse, path, tmp_path):
    first = committed(warehouse, path)
    with pytest.raises(NotCommitted, match="rfm-2026-06-29-2 has committed no scores"):
        publish(warehouse, given_request(attempt=2), tmp_path / "published")
    committed(warehouse, path, attempt=2)
    with pytest.raises(NotCommitted, match="another run has replaced"):
        publish(warehouse, first, tmp_path / "published")
    assert not (tmp_path / "published").exists()


def test_the_ledger_says_that_the_files_are_those_of_the_run_and_not_of_one_that_was_given_up(warehouse, path):
    first, second = committed(warehouse, path), given_request(attempt=2)
    assert warehouse.ledger_row(first.run_id, PUBLISHED) is None

    note_published(warehouse, first, flow_run_id="f-1")
    note_published(warehouse, first, flow_run_id="f-2")
    close_run(warehouse, second, "given up")
    with pytest.raises(RunClosed, match="given up"):
        note_published(warehouse, second)

    assert warehouse.ledger_row(first.run_id, PUBLISHED).flow_run_id == "f-2"
    assert warehouse.ledger_row(second.run_id, PUBLISHED) is None
