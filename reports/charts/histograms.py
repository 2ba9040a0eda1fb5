"""How the customers are spread over the values of each measure, with the edges between the scores drawn in."""

from decimal import Decimal
from itertools import pairwise
from typing import Any

import altair as alt

from reports.charts.svg import WIDE, draw, said
from reports.data import Bar, MeasureFigures, Report
from reports.words import money

TITLE = {
    "recency": "Recency: days since the last purchase",
    "frequency": "Frequency: orders",
    "monetary": "Monetary: money spent",
}
ACROSS, HEIGHT = WIDE - 70, 150


def histograms(report: Report) -> dict[str, str]:
    """By measure."""
    return {one.measure: draw(_histogram(one), f"spread-{one.measure}") for one in report.measures}


def _histogram(figures: MeasureFigures) -> alt.LayerChart:
    width = _width(figures)
    shift = -0.5 if figures.measure == "frequency" and width == 1 else 0.0
    rows = [_bar(figures, bar, width, shift) for bar in figures.histogram]
    left, right = min(row["low"] for row in rows), max(row["high"] for row in rows)
    marks = _edges(figures, shift, right)
    x = alt.X(
        "low:Q",
        title=None,
        scale=alt.Scale(domain=[left, right], nice=False, zero=False),
        axis=alt.Axis(grid=False, format=",.0f", tickCount=12),
    )
    bars = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(color="var(--bar)", stroke="var(--surface)", strokeWidth=1)
        .encode(
            x=x,
            x2="high:Q",
            y=alt.Y("customers:Q", title="Customers", axis=alt.Axis(tickCount=4, format=",.0f")),
            y2="zero:Q",
            description=alt.Description("said:N"),
        )
    )
    lines = (
        alt.Chart(alt.Data(values=marks))
        .mark_rule(color="var(--ink)", strokeDash=[4, 3], strokeWidth=1.5)
        .encode(x="edge:Q", description=alt.Description("said:N"))
    )
    labels = (
        alt.Chart(alt.Data(values=_scores(figures, shift, left, right)))
        .mark_text(y=-9, color="var(--muted)", fontSize=11)
        .encode(x="middle:Q", text="text:N")
    )
    title = alt.Title(TITLE[figures.measure], offset=22)
    return (bars + lines + labels).properties(width=ACROSS, height=HEIGHT, title=title)


def _width(figures: MeasureFigures) -> float:
    return next(float(bar.high - bar.low) for bar in figures.histogram if bar.low is not None and bar.high is not None)


def _bar(figures: MeasureFigures, bar: Bar, width: float, shift: float) -> dict[str, Any]:
    """A bar without a bound is drawn as wide as the others."""
    low = float(bar.low) if bar.low is not None else float(bar.high or 0) - width
    high = float(bar.high) if bar.high is not None else low + width
    return {
        "low": low + shift,
        "high": high + shift,
        "customers": bar.customers,
        "zero": 0,
        "said": said(f"{bar_words(figures, bar)}: {bar.customers:,} customers"),
    }


def bar_words(figures: MeasureFigures, bar: Bar) -> str:
    """As in `30 to 59 days`, `13 orders or more`."""
    if figures.measure == "monetary":
        if bar.low is None or bar.high is None:
            return f"below {money(bar.high or 0)}" if bar.low is None else f"{money(bar.low)} or more"
        return f"{money(bar.low)} to below {money(bar.high)}"
    unit = "days" if figures.measure == "recency" else "orders"
    if bar.high is None:
        return f"{bar.low:.0f} {unit} or more"
    last = bar.high - 1
    return f"{bar.low:.0f} {unit}" if bar.low == last else f"{bar.low:.0f} to {last:.0f} {unit}"


def _edge_places(figures: MeasureFigures, shift: float) -> list[float]:
    """Whole days and orders: the edge stands after the value that still counts as below it."""
    step = Decimal(1) if figures.measure != "monetary" and figures.value_on_edge == "below" else Decimal(0)
    return [float(edge + step) + shift for edge in figures.edges]


def _edges(figures: MeasureFigures, shift: float, right: float) -> list[dict[str, Any]]:
    places = dict(zip(_edge_places(figures, shift), figures.edges, strict=True))
    return [
        {"edge": place, "said": said(f"Edge at {edge:,}, a value on it counts as {figures.value_on_edge}")}
        for place, edge in places.items()
        if place < right
    ]


def _scores(figures: MeasureFigures, shift: float, left: float, right: float) -> list[dict[str, Any]]:
    """The score above its stretch of the axis, where there is room to read it."""
    scores = [one.score for one in figures.scores]
    growing = scores[::-1] if figures.measure == "recency" else scores
    bounds = [left, *(min(place, right) for place in _edge_places(figures, shift)), right]
    letter = figures.measure[0].upper()
    return [
        {"middle": (low + high) / 2, "text": f"{letter} {score}"}
        for score, (low, high) in zip(growing, pairwise(bounds), strict=True)
        if (high - low) / (right - left) * ACROSS > 20
    ]
