"""From orders to scores, against the practical limit, the floor and the usual ways: `make bench-scoring`.

Every way runs as a process of its own, in turn, so that a slower moment of the machine hits all of them. What
counts is the work; the start of the interpreter, imports and dbt's parsing are told apart. Then scoring alone, from
features that are there, beside a scan of them and the insert of as many rows.
"""

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.machine import keep
from benchmarks.scoring_check import differing_rows
from benchmarks.scoring_features import write_features
from benchmarks.scoring_figures import LIFETIMES, BySize, Figures, Ways, median, median_parts, run
from benchmarks.scoring_orders import WINDOW_DAYS, write_orders
from benchmarks.scoring_targets import ALONE, BARE, LIMITED, PROJECT, SCAN
from benchmarks.scoring_targets import table as targets

MOST_CHECKED = 1_000_000
"""Orders up to which the independent computation is made."""
FROM_ORDERS = (PROJECT, LIMITED, BARE, "scan", "pandas groupby + qcut", "lifetimes summary")
FROM_FEATURES = (ALONE, "bare insert", SCAN)


def from_orders(orders: int, repeats: int, folder: Path, memory_limit: str, most_in_memory: int) -> Ways:
    file = folder / f"orders-{orders}.parquet"
    write_orders(file, orders)
    figures: dict[str, list[Figures]] = {name: [] for name in FROM_ORDERS if can_run(name, orders, most_in_memory)}
    for turn in range(repeats):
        for name, runs in figures.items():
            runs.append(run(name, file, folder / "run", memory_limit if name == LIMITED else ""))
            if name == PROJECT and orders <= MOST_CHECKED and turn == 0:
                check(file, folder / "run" / "warehouse.duckdb")
    file.unlink()
    return figures


def from_features(customers: int, repeats: int, folder: Path, memory_limit: str) -> Ways:
    warehouse = folder / f"features-{customers}.duckdb"
    write_features(warehouse, customers)
    figures: dict[str, list[Figures]] = {name: [] for name in FROM_FEATURES}
    for _ in range(repeats):
        for name, runs in figures.items():
            runs.append(run(name, warehouse, folder / "run", memory_limit))
    warehouse.unlink()
    return figures


def can_run(name: str, orders: int, most_in_memory: int) -> bool:
    """pandas and lifetimes hold everything in memory, 3 GB and more for ten million orders."""
    if name == "lifetimes summary" and not LIFETIMES.exists():
        return False
    return orders <= most_in_memory or not name.startswith(("pandas", "lifetimes"))


def check(orders: Path, warehouse: Path) -> None:
    if differing := differing_rows(orders, warehouse, WINDOW_DAYS):
        raise SystemExit(f"{differing} customers have other scores than the independent computation gives them")
    print(f"{orders.name}: row for row equal to the independent computation")


def table(sizes: BySize, what: str, base: str) -> str:
    lines = [
        f"| {what} | way | work, s | of {base} | peak, MiB | start and imports, s | dbt parse, s | whole, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size, ways in sizes.items():
        unit = median(ways[base], "work")
        for name, runs in ways.items():
            whole, work, parse, peak = (median(runs, part) for part in ("whole", "work", "parse", "peak"))
            lines.append(
                f"| {size:,} | {name} | {work:.2f} | {work / unit:.2f} | {peak:.0f} | {whole - work - parse:.2f} |"
                f" {parse:.2f} | {whole:.2f} |"
            )
    lines += ["", "Where the project's work goes, seconds, median:", ""]
    for size, ways in sizes.items():
        for name, runs in ways.items():
            if parts := median_parts(runs):
                told = ", ".join(f"{part} {seconds:.2f}" for part, seconds in parts.items())
                lines.append(f"- {size:,} {what}, {name}: {told}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("orders", type=int, nargs="*", default=[1_000_000, 10_000_000], help="how many, several sizes")
    parser.add_argument("--customers", type=int, nargs="*", default=[10_000_000], help="for scoring alone")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-limit", default="1GB", help="DuckDB's, for the way that has one")
    parser.add_argument("--alone-memory-limit", default="1GB", help="DuckDB's, for scoring alone; '' for its own")
    parser.add_argument(
        "--most-in-memory", type=int, default=20_000_000, help="orders up to which pandas and lifetimes take part"
    )
    parser.add_argument("--folder", type=Path, help="where the orders and the results go meanwhile")
    parser.add_argument("--name", default="scoring", help="of the files under benchmarks/results/")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-scoring-", dir=chosen.folder) as made:
        folder = Path(made)
        orders = {
            size: from_orders(size, chosen.repeats, folder, chosen.memory_limit, chosen.most_in_memory)
            for size in chosen.orders
        }
        customers = {
            size: from_features(size, chosen.repeats, folder, chosen.alone_memory_limit) for size in chosen.customers
        }
    limits = (
        f"DuckDB's memory limit: {chosen.memory_limit} for `{LIMITED}`,"
        f" {chosen.alone_memory_limit or 'its own'} for `{ALONE}`."
    )
    missing = [] if LIFETIMES.exists() else ["lifetimes is not installed here (make .lifetimes/installed)."]
    text = [table(orders, "orders", BARE), table(customers, "customers", SCAN), targets(orders, customers), limits]
    keep(chosen.name, {"orders": raw(orders), "customers": raw(customers)}, "\n\n".join([*text, *missing]))


def raw(sizes: BySize) -> dict[str, dict[str, list[dict[str, object]]]]:
    return {
        str(size): {name: [asdict(one) for one in runs] for name, runs in ways.items()} for size, ways in sizes.items()
    }


if __name__ == "__main__":
    main()
