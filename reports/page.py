"""The report as one page that needs nothing else: no network, no script, no other file.

The browser is told so as well (Content-Security-Policy), so that a page from a mail or a share cannot do more than
be read.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import words
from reports.charts import drift, heat_map, histograms, medians, moves, treemap, trend
from reports.charts.colours import HEATS
from reports.charts.moves import name_of
from reports.data import Move, Report

HERE = Path(__file__).parent
LARGEST_MOVES = 5

Charts = dict[str, Markup]


def page_of(report: Report) -> str:
    """Self-contained HTML. The same report gives the same bytes."""
    environment = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters: dict[str, Callable[..., str]] = {
        "count": "{:,}".format,
        "amount": words.money,
        "money": partial(words.money, currency=report.currency),
        "percent": words.percent,
        "listed": words.listed,
        "reason": words.reason,
        "day": words.day,
        "segment_name": name_of,
    }
    environment.filters.update(filters)
    return environment.get_template("page.html.j2").render(
        report=report,
        charts=charts_of(report),
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),  # noqa: S704  our own file
        heats=range(1, HEATS + 1),
        change=words.change,
        signed=lambda number: words.signed(f"{number:+,}"),
        moved=moved(report.moves),
        bar_words=histograms.bar_words,
        score_words=words.score_in_words,
        value_words=words.value_in_words,
        titles=histograms.TITLE,
    )


def charts_of(report: Report) -> Charts:
    """Those that there are figures for: none without customers, no moves and no trend on the first day."""
    drawn: dict[str, Callable[[Report], str]] = {}
    if report.headline.customers:
        drawn |= {
            "treemap_customers": treemap.customers_treemap,
            "treemap_revenue": treemap.revenue_treemap,
            "medians": medians.medians,
            "map_customers": heat_map.customers_map,
            "map_money": heat_map.money_map,
        }
    if report.moves:
        drawn |= {
            "moves": moves.moves,
            "trend_customers": trend.customers_trend,
            "trend_revenue": trend.revenue_trend,
        }
    texts = {name: draw(report) for name, draw in drawn.items()}
    texts |= histograms.histograms(report)
    if report.drift:
        texts["drift"] = drift.drift(report.drift)
    return {name: Markup(text) for name, text in texts.items()}  # noqa: S704  ElementTree has escaped what is in it


def moved(found: tuple[Move, ...]) -> list[Move]:
    """The largest moves from one segment to another."""
    others = [move for move in found if move.before and move.now and move.before != move.now]
    return sorted(others, key=lambda move: (-move.customers, move.before or ""))[:LARGEST_MOVES]
