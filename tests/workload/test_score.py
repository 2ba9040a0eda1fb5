"""The step `scoring` as a whole, on a real DuckDB file."""

import random
from datetime import timedelta
from decimal import Decimal

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfm.read_rules import WrongRules, read_rules, rules_named
from rfm.schemas import ContractBroken
from tests.rfm.naive import naive_quintile, naive_quintile_segment, naive_tercile
from tests.warehouse.given_features import (
    RUN_DATE,
    WINDOW,
    given_features,
    given_request,
    given_warehouse,
    read_rows,
    write_features_ledger,
)
from warehouse.closing import close_run
from warehouse.warehouse import FeaturesMissing, RunClosed, ScoresRefused
from workload import score as score_module
from workload.guards import Guarded, Guards
from workload.models import ModelMissing
from workload.score import StaleFeatures, score

QUINTILE, TERCILE = rules_named("quintile"), rules_named("tercile")
SCORES = """
    select customer_id, recency, frequency, monetary, r_score, f_score, m_score, segment
    from rfm_scores order by run_date, customer_id
"""
EVERYTHING = "select * from rfm_scores order by all", "select * from rfm_rejected order by all"


@pytest.fixture
def warehouse(path):
    return given_warehouse(path)


def run(warehouse, request=None, rules=QUINTILE, **more):
    return score(warehouse, request or given_request(), rules, window_days=WINDOW, flow_run_id="flow-run", **more)


def many(count: int, seed: int = 1):
    chance = random.Random(seed)
    return [
        (
            f"c{number:06}",
            chance.randrange(WINDOW),
            1 + int(chance.expovariate(0.5)),
            Decimal(chance.randrange(-2000, 30000)).scaleb(-2),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(("rules", "naive"), [(QUINTILE, naive_quintile), (TERCILE, naive_tercile)])
def test_committed_scores_are_those_of_the_naive_rule(warehouse, path, monkeypatch, rules, naive):
    monkeypatch.setattr(score_module, "BATCH_ROWS", 100)
    rows = many(700)
    given_features(path, rows)
    facts = run(warehouse, rules=rules)
    assert (facts["rows_in"], facts["scored"], facts["rejected"]) == (700, 700, 0)
    assert facts["rules"] == rules.name
    expected = naive([row[1:] for row in rows])
    committed = read_rows(path, SCORES)
    assert [row[:7] for row in committed] == [(*row, *scores) for row, scores in zip(rows, expected, strict=True)]
    if rules is QUINTILE:
        assert [row[7] for row in committed] == [naive_quintile_segment(r, f) for r, f, _ in expected]


def test_facts_and_ledger_row_tell_the_counts_the_reasons_and_the_model(warehouse, path):
    given_features(
        path, [*many(5), ("only refunds", None, 0, "-9.00"), ("free", None, 0, "0.00"), (None, 1, 1, "1.00")]
    )
    facts = run(warehouse)
    assert facts == {
        "rows_in": 8,
        "scored": 5,
        "rejected": 3,
        "rejected_no_positive_order": 2,
        "rejected_missing_customer": 1,
        "rules": "quintile",
        "model_id": facts["model_id"],
        "window_days": WINDOW,
        "features_run": "rfm-2026-06-29-1",
    }
    row = warehouse.ledger_row("rfm-2026-06-29-1", "scoring")
    assert row.facts == facts
    assert (row.run_date, row.attempt, row.flow_run_id) == (RUN_DATE, 1, "flow-run")
    assert warehouse.find_model(facts["model_id"]).customers == 5
    assert read_rows(path, "select reason from rfm_rejected order by customer_id nulls last") == [
        ("no_positive_order",),
        ("no_positive_order",),
        ("missing_customer",),
    ]


some_rows = st.lists(
    st.tuples(
        st.none() | st.integers(-1, 5) | st.integers(0, WINDOW + 1),
        st.integers(-1, 9),
        st.integers(-(10**18) + 1, 10**18 - 1).map(lambda cents: Decimal(cents).scaleb(-2)),
    ),
    max_size=30,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    path = tmp_path_factory.mktemp("shared") / "warehouse.duckdb"
    return path, given_warehouse(path)


@settings(max_examples=6, deadline=None)
@given(rows=some_rows, chance=st.randoms(use_true_random=False))
def test_everyone_is_scored_or_rejected_once_and_neither_order_nor_rerun_changes_a_row(shared, rows, chance):
    path, warehouse = shared
    features = [(f"c{number}", *row) for number, row in enumerate(rows)]
    given_features(path, features)
    facts = run(warehouse)
    first = [read_rows(path, query) for query in EVERYTHING]
    assert sorted(row[0] for part in first for row in part) == sorted(row[0] for row in features)
    assert (len(first[0]), len(first[1])) == (facts["scored"], facts["rejected"])
    chance.shuffle(features)
    given_features(path, features)
    assert run(warehouse) == facts
    assert [read_rows(path, query) for query in EVERYTHING] == first


def test_a_rerun_of_a_date_replaces_it_and_leaves_other_dates_alone(warehouse, path):
    week_before = given_request(RUN_DATE - timedelta(days=7))
    given_features(path, many(20), week_before)
    run(warehouse, week_before)
    given_features(path, many(30))
    run(warehouse)
    before = read_rows(path, f"select * from rfm_scores where run_date < '{RUN_DATE}' order by all")
    given_features(path, many(25, seed=2), given_request(attempt=2))
    run(warehouse, given_request(attempt=2))
    assert read_rows(path, f"select * from rfm_scores where run_date < '{RUN_DATE}' order by all") == before
    assert read_rows(path, f"select count(*), min(run_id) from rfm_scores where run_date = '{RUN_DATE}'") == [
        (25, "rfm-2026-06-29-2")
    ]


def test_a_day_without_customers_leaves_no_rows_and_no_model(warehouse, path):
    given_features(path, many(5))
    run(warehouse)
    given_features(path, [], given_request(attempt=2))
    facts = run(warehouse, given_request(attempt=2))
    assert (facts["rows_in"], facts["scored"], facts["rejected"], facts["model_id"]) == (0, 0, 0, None)
    assert read_rows(path, "select count(*) from rfm_scores") == [(0,)]
    assert read_rows(path, "select count(*) from rfm_models") == [(1,)]


def test_a_day_on_which_nobody_can_be_scored_is_all_rejections(warehouse, path):
    given_features(path, [("a", None, 0, "-1.00")])
    facts = run(warehouse)
    assert (facts["scored"], facts["rejected"], facts["model_id"]) == (0, 1, None)


def test_one_customer_and_all_equal_customers_are_scored(warehouse, path):
    given_features(path, [("only", 719, 1, "-1.00")])
    run(warehouse)
    assert [row[4:] for row in read_rows(path, SCORES)] == [(5, 1, 1, "new")]
    given_features(path, [(f"c{number}", 3, 9, "7.00") for number in range(50)])
    run(warehouse)
    assert {row[4:] for row in read_rows(path, SCORES)} == {(5, 1, 1, "new")}


def test_features_of_another_attempt_are_refused(warehouse, path):
    given_features(path, many(5), given_request(attempt=1))
    given_features(path, many(6), given_request(attempt=2))
    with pytest.raises(StaleFeatures, match=r"rfm-2026-06-29-1: .* another run"):
        run(warehouse, given_request(attempt=1))
    with pytest.raises(StaleFeatures, match="rfm-2026-06-29-3 has not committed its features"):
        run(warehouse, given_request(attempt=3))
    assert read_rows(path, "select count(*) from rfm_scores") == [(0,)]


def test_features_that_a_later_empty_attempt_has_removed_are_refused(warehouse, path):
    given_features(path, many(5), given_request(attempt=1))
    given_features(path, [], given_request(attempt=2))
    with pytest.raises(StaleFeatures):
        run(warehouse, given_request(attempt=1))


def test_features_of_another_window_are_refused(warehouse, path):
    given_features(path, many(5), window_days=365)
    with pytest.raises(StaleFeatures, match="window of 365 days, and MODEL_WINDOW_DAYS is 720"):
        run(warehouse)

    given_features(path, many(5), window_days=WINDOW)
    assert run(warehouse)["scored"] == 5


def test_doubled_customers_stop_the_step_before_the_commit(warehouse, path):
    given_features(path, [("a", 1, 1, "1.00"), ("b", 1, 1, "1.00"), ("a", 2, 1, "1.00")])
    with pytest.raises(ScoresRefused, match="1 customers stand in the features more than once"):
        run(warehouse)
    assert read_rows(path, "select count(*) from rfm_scores") == [(0,)]
    assert warehouse.ledger_row("rfm-2026-06-29-1", "scoring") is None


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "12.5"])
def test_amounts_that_are_no_decimals_stop_the_step(warehouse, path, value):
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            f"""create table rfm_features as select 'a' as customer_id, date '{RUN_DATE}' as run_date, 1 as recency,
            1 as frequency, '{value}'::double as monetary, 'rfm-2026-06-29-1' as run_id"""
        )
        write_features_ledger(connection, given_request(), 1)
    with pytest.raises(FeaturesMissing, match="monetary is DOUBLE"):
        run(warehouse)


def test_a_broken_scorer_stops_the_step_before_the_commit(warehouse, path, monkeypatch):
    given_features(path, many(20))
    run(warehouse)
    before = [read_rows(path, query) for query in EVERYTHING]

    def broken(self, features: pd.DataFrame) -> pd.DataFrame:
        return features.assign(r_score=0, f_score=0, m_score=0, segment="nobody")

    monkeypatch.setattr(score_module.Scorer, "score", broken)
    with pytest.raises(ContractBroken, match="scores are not as agreed"):
        run(warehouse)
    assert [read_rows(path, query) for query in EVERYTHING] == before


def test_a_scorer_that_loses_rows_stops_the_step_before_the_commit(warehouse, path, monkeypatch):
    given_features(path, many(20))
    sound = score_module.Scorer.score
    monkeypatch.setattr(score_module.Scorer, "score", lambda self, features: sound(self, features.iloc[:-1]))
    with pytest.raises(ScoresRefused, match="19 customers were scored"):
        run(warehouse)
    assert warehouse.ledger_row("rfm-2026-06-29-1", "scoring") is None


def test_frozen_applies_the_newest_earlier_model_with_the_rules_of_its_time(warehouse, path, tmp_path):
    week_before = given_request(RUN_DATE - timedelta(days=7))
    given_features(path, many(50, seed=3), week_before)
    earlier = run(warehouse, week_before)
    changed = read_rules(given_changed_rules(tmp_path))
    given_features(path, many(50, seed=4))
    facts = run(warehouse, given_request(model="frozen"), changed)
    assert facts["model_id"] == earlier["model_id"]
    assert "VIP" not in {row[7] for row in read_rows(path, SCORES)}
    stored = warehouse.find_model(earlier["model_id"])
    assert (stored.fitted_on, stored.run_id) == (RUN_DATE - timedelta(days=7), week_before.run_id)
    assert read_rows(path, "select count(*) from rfm_models") == [(1,)]
    by_id = run(warehouse, given_request(model=earlier["model_id"]))
    assert by_id["model_id"] == earlier["model_id"]


def test_a_model_of_another_window_is_refused_and_both_windows_are_named(warehouse, path):
    week_before = given_request(RUN_DATE - timedelta(days=7))
    given_features(path, many(50), week_before)
    earlier = run(warehouse, week_before)
    given_features(path, [row for row in many(50) if row[1] < 365])
    for wanted in ("frozen", earlier["model_id"]):
        with pytest.raises(ModelMissing, match=r"window of 720 days, and MODEL_WINDOW_DAYS is 365"):
            score(warehouse, given_request(model=wanted), QUINTILE, window_days=365)
    assert read_rows(path, "select distinct run_date from rfm_scores") == [(week_before.run_date,)]


@pytest.mark.parametrize(("days", "refused"), [(WINDOW - 1, False), (WINDOW, True)])
def test_frozen_takes_no_model_that_shares_no_order_with_the_date_and_its_id_does(warehouse, path, days, refused):
    long_ago = given_request(RUN_DATE - timedelta(days=days))
    given_features(path, many(50), long_ago)
    earlier = run(warehouse, long_ago)
    given_features(path, many(50, seed=2))
    if refused:
        with pytest.raises(ModelMissing, match=f"{earlier['model_id']}, fitted a window of 720 days ago or more"):
            run(warehouse, given_request(model="frozen"))
    else:
        assert run(warehouse, given_request(model="frozen"))["model_id"] == earlier["model_id"]
    assert run(warehouse, given_request(model=earlier["model_id"]))["model_id"] == earlier["model_id"]


def given_changed_rules(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((score_module.rules_named.__globals__["SHIPPED"] / "quintile.yaml").read_text())
    path.write_text(path.read_text().replace("- name: champions", "- name: VIP"))
    return path


@pytest.mark.parametrize(
    ("parameters", "error", "said"),
    [
        ({"model": "frozen"}, ModelMissing, "no quintile model was fitted before 2026-06-29"),
        ({"model": "quintile-1999-01-01-00000000"}, ModelMissing, "no stored model"),
        ({"model": "'; drop table rfm_scores; --"}, ModelMissing, "no stored model"),
        ({"rules": "/etc/passwd"}, WrongRules, "known: quintile, tercile"),
        ({"rules": "../rules/quintile"}, WrongRules, "known: quintile, tercile"),
    ],
)
def test_models_and_rules_that_are_not_there_are_refused(warehouse, path, parameters, error, said):
    given_features(path, many(5))
    with pytest.raises(error, match=said):
        run(warehouse, given_request(**parameters))


def test_a_request_names_its_rules_and_a_model_of_other_rules_is_refused(warehouse, path):
    given_features(path, many(20))
    facts = run(warehouse, given_request(rules="tercile"))
    assert facts["rules"] == "tercile"
    with pytest.raises(ModelMissing, match="is of the rules tercile, not quintile"):
        run(warehouse, given_request(rules="quintile", model=facts["model_id"]))
    assert run(warehouse, given_request(model=facts["model_id"]))["rules"] == "tercile"


def test_a_guard_stops_before_the_commit_and_the_scores_of_all_dates_stay(warehouse, path):
    week_before = given_request(RUN_DATE - timedelta(days=7))
    given_features(path, many(20), week_before)
    run(warehouse, week_before)
    given_features(path, many(30))
    run(warehouse)
    before = [read_rows(path, query) for query in EVERYTHING]
    again = given_request(attempt=2)
    given_features(path, many(9), again)
    guards = Guards(max_drop=0.5)
    with pytest.raises(Guarded, match=r"9 customers can be scored and 20 were on 2026-06-22"):
        run(warehouse, again, guards=guards)
    assert [read_rows(path, query) for query in EVERYTHING] == before
    assert warehouse.ledger_row(again.run_id, "scoring") is None
    given_features(path, many(10), again)
    assert run(warehouse, again, guards=guards)["scored"] == 10


def test_warnings_stand_in_the_ledger(warehouse, path):
    given_features(path, [*many(5), ("refunds", None, 0, "-9.00"), (None, 1, 1, "1.00")])
    run(warehouse, guards=Guards(warn_on=frozenset({"missing_customer"})))
    assert warehouse.ledger_row("rfm-2026-06-29-1", "scoring").facts["warnings"] == "missing_customer 1"


def test_a_later_attempt_scores_the_features_of_the_run_that_its_request_names(warehouse, path):
    given_features(path, many(5))
    second = given_request(attempt=2).model_copy(update={"inputs": {"features": "rfm-2026-06-29-1"}})

    facts = run(warehouse, second)

    assert (facts["scored"], facts["features_run"]) == (5, "rfm-2026-06-29-1")
    assert {run_id for (run_id,) in read_rows(path, "select run_id from rfm_scores")} == {"rfm-2026-06-29-2"}


def test_the_features_that_are_named_must_be_those_in_the_table(warehouse, path):
    given_features(path, many(5))
    given_features(path, many(5), given_request(attempt=2))
    third = given_request(attempt=3).model_copy(update={"inputs": {"features": "rfm-2026-06-29-1"}})

    with pytest.raises(StaleFeatures):
        run(warehouse, third)


def test_a_closed_run_is_not_begun(warehouse, path):
    given_features(path, many(5))
    close_run(warehouse, given_request(), "cancelled in the UI")

    with pytest.raises(RunClosed, match="cancelled in the UI"):
        run(warehouse)
