"""The summary of lifetimes, run in its own environment: scoring_lifetimes.py ORDERS FOLDER RUN_DATE.

Its own definitions, and no scores: frequency counts days of repeated purchases. It sees all orders up to RUN_DATE.
"""

import json
import sys
import time
from pathlib import Path

import pandas as pd
from lifetimes.utils import summary_data_from_transaction_data


def main() -> None:
    orders, folder, run_date = sys.argv[1:]
    began = time.perf_counter()
    lines = pd.read_parquet(orders).dropna()
    lines["amount"] = lines["amount"].astype(float)
    summary = summary_data_from_transaction_data(
        lines, "customer_id", "order_date", monetary_value_col="amount", observation_period_end=run_date
    )
    summary.to_parquet(Path(folder) / "lifetimes.parquet")
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
    print(json.dumps({"work": time.perf_counter() - began, "parts": {}, "peak": peak}))


if __name__ == "__main__":
    main()
