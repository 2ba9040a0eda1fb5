"""An independent computation in pandas and whole numbers, to compare the committed scores with, row for row."""

from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.scoring_orders import RUN_DATE

COLUMNS = ["recency", "frequency", "cents", "r_score", "f_score", "m_score"]


def differing_rows(orders: Path, warehouse: Path, window_days: int) -> int:
    """Customers that are missing, too many, or have another value or score."""
    expected = expected_scores(orders, window_days)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = connection.execute(
            """
            select customer_id, recency, frequency, (monetary * 100)::bigint as cents, r_score, f_score, m_score
            from rfm_scores where run_date = ?
            """,
            [RUN_DATE],
        ).df()
    both = expected.merge(found, on="customer_id", how="outer", indicator=True, suffixes=("", "_found"))
    same = both["_merge"] == "both"
    for name in COLUMNS:
        same &= both[name] == both[f"{name}_found"]
    return int((~same).sum())


def expected_scores(orders: Path, window_days: int) -> pd.DataFrame:
    lines = pd.read_parquet(orders).dropna()
    lines["day"] = pd.to_datetime(lines["order_date"]).astype("datetime64[s]").astype("int64") // 86400
    lines["cents"] = (lines["amount"] * 100).astype("int64")
    whole = lines.groupby(["order_id", "customer_id"], as_index=False).agg(day=("day", "min"), cents=("cents", "sum"))
    today = (RUN_DATE - RUN_DATE.replace(year=1970, month=1, day=1)).days
    whole = whole[(whole["day"] <= today) & (whole["day"] > today - window_days)]
    bought = whole[whole["cents"] > 0].groupby("customer_id")
    scores = pd.DataFrame(
        {
            "recency": today - bought["day"].max(),
            "frequency": bought.size(),
            "cents": whole.groupby("customer_id")["cents"].sum(),
        }
    ).dropna()
    scores = scores.astype("int64")
    scores["r_score"] = 5 - edges_passed(scores["recency"].to_numpy())
    scores["f_score"] = 1 + edges_passed(scores["frequency"].to_numpy())
    scores["m_score"] = 1 + edges_passed(scores["cents"].to_numpy())
    return scores.reset_index()


def edges_passed(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many of the fifths' edges each value is greater than; an edge is the value at position ceil(n * k / 5)."""
    ordered = np.sort(values)
    edges = [ordered[-(-len(values) * fifth // 5) - 1] for fifth in (1, 2, 3, 4)]
    passed: npt.NDArray[np.int64] = np.sum([values > edge for edge in edges], axis=0)
    return passed
