"""The file of scores: how far it is, is told batch by batch; and one that is there is replaced whole, or stays."""

from datetime import date

import pyarrow as pa
import pytest

from rfm import score_file
from rfm.own_orders import OwnFeatures
from rfm.quarantine import FEATURES
from rfm.read_rules import rules_named
from rfm.score_file import NobodyToScore, score_features

RUN_DATE = date(1998, 6, 30)
ROWS = [("a", 1, 5, 900), ("b", 30, 4, 700), ("c", 90, 3, 500), ("d", 200, 2, 300), ("e", 400, 1, 100)]
REFUNDS = ("refunds", None, 0, -100)


def scored(output, rows, progress=None):
    columns = [list(column) for column in zip(*rows, strict=True)]
    features = OwnFeatures(pa.table(columns, schema=FEATURES), lines=len(rows), rejected={})
    return score_features(features, RUN_DATE, rules_named("quintile"), output, window_days=720, progress=progress)


def test_how_many_customers_are_done_is_told_after_each_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(score_file, "BATCH_ROWS", 2)
    told = []
    summary = scored(tmp_path / "scores.csv", [*ROWS, REFUNDS], told.append)

    assert told == [2, 4, 5]
    assert (summary.scored, summary.rejected) == (5, {"no_positive_order": 1})


def test_a_file_that_is_there_stays_when_scoring_fails_half_way(tmp_path, monkeypatch):
    monkeypatch.setattr(score_file, "BATCH_ROWS", 2)
    output = tmp_path / "scores.csv"
    output.write_text("of before")

    def interrupted(done):
        if done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scored(output, ROWS, interrupted)

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("scores.csv", "of before")]


def test_where_nobody_can_be_scored_nothing_is_written(tmp_path):
    with pytest.raises(NobodyToScore, match="in the 720 days up to 1998-06-30"):
        scored(tmp_path / "scores.csv", [REFUNDS])

    assert list(tmp_path.iterdir()) == []
