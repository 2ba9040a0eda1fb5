"""The contract of the scoring step: what it takes and what it gives, checked by pandera on every batch.

The quarantine has taken the bad rows out before. A batch that fails here is a fault of the program or of the
features table, and stops the step before anything is committed.
"""

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from errors import Permanent
from rfm.rule_set import RuleSet

_SHOWN = 10


class ContractBroken(Permanent):
    """A batch is not what was agreed on; nothing was committed. Says columns and counts, never values."""


def _whole(dtype: str, low: int, high: int | None = None) -> pa.Column:
    checks = [pa.Check.ge(low)] if high is None else [pa.Check.in_range(low, high)]
    return pa.Column(dtype, checks, nullable=False)


def features_schema(window_days: int) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(
        {
            "customer_id": pa.Column("str", pa.Check(lambda ids: bool((ids != "").all()), name="not_empty")),
            "recency": _whole("int32", 0, window_days - 1),
            "frequency": _whole("int32", 1),
            "monetary_cents": pa.Column("int64"),
        },
        strict=True,
        ordered=True,
    )


def scores_schema(window_days: int, rules: RuleSet) -> pa.DataFrameSchema:
    """Scores within their bins, and every row in a segment of the rule set."""
    names = [segment.name for segment in rules.segments]
    return features_schema(window_days).add_columns(
        {
            "r_score": _whole("int8", 1, rules.recency.bins),
            "f_score": _whole("int8", 1, rules.frequency.bins),
            "m_score": _whole("int8", 1, rules.monetary.bins),
            "segment": pa.Column(pd.CategoricalDtype(names), nullable=False),
        }
    )


def check(schema: pa.DataFrameSchema, batch: pd.DataFrame, what: str) -> None:
    """Raises ContractBroken with which checks failed on how many rows."""
    try:
        schema.validate(batch, lazy=True, inplace=True)
    except SchemaErrors as broken:
        cases = broken.failure_cases
        about_columns = cases["check"].isin(["column_in_schema", "column_in_dataframe"])
        cases["column"] = cases["column"].where(~about_columns, cases["failure_case"])
        failed = cases.groupby(["column", "check"], dropna=False).size()
        texts = [f"{column}: {name} ({count})" for (column, name), count in failed.head(_SHOWN).items()]
        more = f", and {len(failed) - _SHOWN} more" if len(failed) > _SHOWN else ""
        raise ContractBroken(f"{what} are not as agreed: {', '.join(texts)[:500]}{more}") from None
