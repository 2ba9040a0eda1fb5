"""The contract stops what the quarantine or the scorer got wrong, and its text is short and about no customer."""

import numpy as np
import pandas as pd
import pytest

from rfm.read_rules import rules_named
from rfm.schemas import ContractBroken, check, features_schema, scores_schema
from rfm.score import Scorer
from tests.rfm.given_customers import batch_of, fitted

WINDOW = 720
RULES = rules_named("quintile")
ROWS = [(n, n + 1, n) for n in range(10)]


@pytest.fixture
def features() -> pd.DataFrame:
    return batch_of(ROWS).to_pandas()


@pytest.fixture
def scored(features) -> pd.DataFrame:
    return Scorer(fitted(RULES, ROWS)).score(features)


def test_sound_batches_and_empty_ones_pass_unchanged(features, scored):
    before = scored.copy()
    check(features_schema(WINDOW), features, "features")
    check(features_schema(WINDOW), features.iloc[:0], "features")
    check(scores_schema(WINDOW, RULES), scored, "scores")
    pd.testing.assert_frame_equal(scored, before)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("customer_id", ""),
        ("customer_id", None),
        ("recency", np.array([-1] * 10, dtype="int32")),
        ("recency", np.array([WINDOW] * 10, dtype="int32")),
        ("recency", np.array([np.nan] * 10)),
        ("frequency", np.array([0] * 10, dtype="int32")),
        ("monetary_cents", np.array([np.inf] * 10)),
        ("monetary_cents", np.array([np.nan] * 10)),
        ("monetary_cents", np.array([1.5] * 10)),
        ("surprise", 1),
    ],
)
def test_features_that_are_not_as_agreed_stop_the_step(features, column, values):
    features[column] = values
    with pytest.raises(ContractBroken, match=f"features are not as agreed: .*{column}"):
        check(features_schema(WINDOW), features, "features")


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("r_score", np.array([0] * 10, dtype="int8")),
        ("f_score", np.array([6] * 10, dtype="int8")),
        ("m_score", np.array([1] * 10, dtype="int64")),
        ("segment", "champions"),
        ("segment", pd.Categorical([None] * 10, categories=[one.name for one in RULES.segments])),
    ],
)
def test_scores_that_are_not_as_agreed_stop_the_step(scored, column, values):
    scored[column] = values
    with pytest.raises(ContractBroken, match=f"scores are not as agreed: .*{column}"):
        check(scores_schema(WINDOW, RULES), scored, "scores")


def test_the_text_is_bounded_and_names_no_customer():
    rows = 20_000
    broken = pd.DataFrame(
        {
            "customer_id": pd.Series([f"secret-{n}" for n in range(rows)], dtype="str"),
            "recency": np.full(rows, -987654, dtype="int32"),
            "frequency": np.zeros(rows, dtype="int32"),
            "monetary_cents": np.full(rows, 1, dtype="int64"),
        }
    )
    with pytest.raises(ContractBroken) as stopped:
        check(features_schema(WINDOW), broken, "features")
    text = str(stopped.value)
    assert len(text) < 700
    assert "secret" not in text
    assert "987654" not in text
    assert "(20000)" in text
    assert stopped.value.__cause__ is None
    assert stopped.value.__suppress_context__
