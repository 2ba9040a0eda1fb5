"""From orders to scores, against the practical limit, the floor and the usual ways: `make bench-scoring`.

Every way runs as a process of its own, in turn, so that a slower moment of the machine hits all of them. What
counts is the work; the start of the interpreter, imports and dbt's parsing are told apart.
"""

import argparse
import importlib.util
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.machine import keep
from benchmarks.scoring_check import differing_rows
from benchmarks.scoring_contenders import CONTENDERS, WINDOW_DAYS
from benchmarks.scoring_orders import write_orders
from settings import PROJECT

MOST_CHECKED = 1_000_000
"""Orders up to which the independent computation is made."""
MOST_FOR_MEMORY = {"pandas groupby + qcut": 20_000_000, "lifetimes summary": 20_000_000}
"""Orders up to which a way fits into the memory of a small machine."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds, and MiB at the peak. `whole` is from the start of the process to its end."""

    whole: float
    work: float
    parse: float
    peak: float
    parts: Mapping[str, float]


def run(name: str, orders: Path, folder: Path, memory_limit: str) -> Figures:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command = [sys.executable, "-m", "benchmarks.scoring_contenders", name, str(orders), str(folder), memory_limit]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True)
    whole = time.perf_counter() - began
    told = json.loads(done.stdout.splitlines()[-1])
    parse = told["parts"].pop("parse", 0.0)
    return Figures(whole, told["work"] - parse, parse, told["peak"], told["parts"])


def measure(orders: int, repeats: int, folder: Path, memory_limit: str) -> Mapping[str, Sequence[Figures]]:
    file = folder / f"orders-{orders}.parquet"
    write_orders(file, orders)
    names = [name for name in CONTENDERS if can_run(name, orders)]
    figures: dict[str, list[Figures]] = {name: [] for name in names}
    for _ in range(repeats):
        for name in names:
            figures[name].append(run(name, file, folder / "run", memory_limit))
            if name == "project" and orders <= MOST_CHECKED and len(figures[name]) == 1:
                check(file, folder / "run" / "warehouse.duckdb")
    file.unlink()
    return figures


def can_run(name: str, orders: int) -> bool:
    if name.startswith("lifetimes") and importlib.util.find_spec("lifetimes") is None:
        return False
    return orders <= MOST_FOR_MEMORY.get(name, orders)


def check(orders: Path, warehouse: Path) -> None:
    if differing := differing_rows(orders, warehouse, WINDOW_DAYS):
        raise SystemExit(f"{differing} customers have other scores than the independent computation gives them")
    print(f"{orders.name}: row for row equal to the independent computation")


def table(figures: Mapping[int, Mapping[str, Sequence[Figures]]]) -> str:
    lines = [
        "| orders | way | work, s | of bare SQL | peak, MiB | start and imports, s | dbt parse, s | whole, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for orders, ways in figures.items():
        bare = statistics.median(one.work for one in ways["bare DuckDB SQL"])
        for name, runs in ways.items():
            whole, work, parse, peak = (
                statistics.median(getattr(one, part) for one in runs) for part in ("whole", "work", "parse", "peak")
            )
            lines.append(
                f"| {orders:,} | {name} | {work:.2f} | {work / bare:.2f} | {peak:.0f} | {whole - work - parse:.2f} |"
                f" {parse:.2f} | {whole:.2f} |"
            )
    lines += ["", "Where the project's work goes, seconds, median:", ""]
    for orders, ways in figures.items():
        runs = ways["project"]
        parts = {name: statistics.median(one.parts.get(name, 0.0) for one in runs) for name in runs[0].parts}
        lines.append(f"- {orders:,} orders: " + ", ".join(f"{name} {value:.2f}" for name, value in parts.items()))
    if importlib.util.find_spec("lifetimes") is None:
        lines += ["", "lifetimes is not installed here, so its summary was not measured."]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("orders", type=int, nargs="*", default=[1_000_000, 10_000_000], help="how many, several sizes")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory-limit", default="", help="DuckDB's, such as 1GB, for the project and bare SQL")
    parser.add_argument("--folder", type=Path, help="where the orders and the results go meanwhile")
    parser.add_argument("--name", default="scoring", help="of the files under benchmarks/results/")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-scoring-", dir=options.folder) as made:
        figures = {
            orders: measure(orders, options.repeats, Path(made), options.memory_limit) for orders in options.orders
        }
    limit = f"\n\nDuckDB's memory limit: {options.memory_limit}." if options.memory_limit else ""
    raw = {
        str(orders): {name: [asdict(one) for one in runs] for name, runs in ways.items()}
        for orders, ways in figures.items()
    }
    keep(options.name, raw, table(figures) + limit)


if __name__ == "__main__":
    main()
