"""Which of the figures to reach are reached, by the medians of one run of the benchmark."""

from collections.abc import Iterator

from benchmarks.scoring_figures import BySize, Ways, median, median_parts

GIB = 1024.0
PROJECT, LIMITED, BARE = "project", "project, memory limit", "bare DuckDB SQL"
PANDAS, LIFETIMES = "pandas groupby + qcut", "lifetimes summary"
ALONE, SCAN = "scoring alone", "scan of the features"
Reached = tuple[str, float, float, bool]
"""What, the figure, its limit, and whether it may be no less, rather than no more, than that."""


def of_orders(orders: int, ways: Ways) -> Iterator[Reached]:
    def work(way: str) -> float:
        return median(ways[way], "work")

    def whole(way: str) -> float:
        return median(ways[way], "whole")

    if orders == 10_000_000:
        yield "work, of bare DuckDB SQL", work(PROJECT) / work(BARE), 2.5, False
    if orders == 100_000_000:
        yield "work, of bare DuckDB SQL", work(PROJECT) / work(BARE), 2.0, False
        yield "peak, GiB", median(ways[PROJECT], "peak") / GIB, 3.0, False
        yield "with the memory limit: work, of bare DuckDB SQL", work(LIMITED) / work(BARE), 3.0, False
        yield "with the memory limit: peak, GiB", median(ways[LIMITED], "peak") / GIB, 1.6, False
    if orders == 10_000_000 and LIFETIMES in ways:
        yield "whole process, times faster than lifetimes", whole(LIFETIMES) / whole(PROJECT), 2.0, True
    if orders == 100_000_000 and PANDAS in ways:
        yield "whole process, times faster than pandas", whole(PANDAS) / whole(PROJECT), 2.0, True


def of_customers(customers: int, ways: Ways) -> Iterator[Reached]:
    scoring = ways[ALONE]
    yield "pandera, % of scoring alone", 100 * median_parts(scoring)["pandera"] / median(scoring, "work"), 8.0, False
    if customers == 100_000_000:
        yield "scoring alone, times the scan", median(scoring, "work") / median(ways[SCAN], "work"), 10.0, False
        yield "scoring alone: peak, GiB", median(scoring, "peak") / GIB, 1.3, False


def table(orders: BySize, customers: BySize) -> str:
    lines = ["| of | figure to reach | limit | measured | |", "|---|---|---|---|---|"]
    for what, sizes, reached_by in (("orders", orders, of_orders), ("customers", customers, of_customers)):
        for size, ways in sizes.items():
            for text, figure, limit, at_least in reached_by(size, ways):
                met = figure >= limit if at_least else figure <= limit
                sign = "≥" if at_least else "≤"
                lines.append(
                    f"| {size:,} {what} | {text} | {sign} {limit:g} | {figure:.2f} | {'met' if met else 'missed'} |"
                )
    return "\n".join([*lines, "", "Figures to reach hold at 10 and 100 million; other sizes have none but pandera's."])
