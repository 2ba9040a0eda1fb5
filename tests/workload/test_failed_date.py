"""What a date keeps when its rerun fails after the features were committed: as docs/operations.md promises it."""

import json

import pytest

from rfm.read_rules import rules_named
from tasks.checks import NotConfirmed
from tasks.confirm import confirm
from tests.warehouse.given_features import WINDOW, given_features, given_request, given_warehouse, read_rows
from warehouse.warehouse import ScoresRefused
from workload.note_published import note_published
from workload.publish import publish
from workload.score import score

RULES = rules_named("quintile")
ROWS = [(f"c{number}", number, 1 + number % 7, f"{number}.50") for number in range(40)]
TWICE = [*ROWS, ROWS[0]]


def scored(warehouse, path, rows, attempt, published):
    request = given_features(path, rows, given_request(attempt=attempt))
    score(warehouse, request, RULES, window_days=WINDOW)
    publish(warehouse, request, published)
    note_published(warehouse, request)
    return request


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_scores_and_files_stay_features_are_newer_and_the_next_attempt_replaces_them(path, tmp_path):
    warehouse, published = given_warehouse(path), tmp_path / "published"
    first = scored(warehouse, path, ROWS, 1, published)
    scores = read_rows(path, "select * from rfm_scores order by all")
    day = published / "rfm" / str(first.run_date)
    kept = files(day)

    with pytest.raises(ScoresRefused):
        scored(warehouse, path, TWICE, 2, published)

    assert read_rows(path, "select * from rfm_scores order by all") == scores
    assert files(day) == kept
    assert read_rows(path, "select distinct run_id from rfm_features") == [(given_request(attempt=2).run_id,)]
    with pytest.raises(NotConfirmed, match="the sum of monetary is that of the features"):
        confirm(warehouse, first, "scores")

    third = scored(warehouse, path, ROWS[1:], 3, published)

    confirm(warehouse, third, "scores")
    manifest = json.loads((day / "manifest.json").read_text())
    assert manifest["run_id"] == third.run_id
    assert read_rows(path, "select distinct run_id from rfm_features") == [(third.run_id,)]
