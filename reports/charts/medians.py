"""The typical customer of each segment: median recency, frequency and monetary side by side."""

from typing import Any

import altair as alt

from reports.charts.svg import draw, said
from reports.data import Report, Segment
from reports.words import money

ACROSS, ROW = 240, 30


def medians(report: Report) -> str:
    shown = [(place, one) for place, one in enumerate(report.segments) if one.customers]
    currency = f" ({report.currency})" if report.currency else ""
    charts = [
        _bars(shown, "median_recency", "Recency: days since last purchase", "{:,.0f}", axis=True),
        _bars(shown, "median_frequency", "Frequency: orders", "{:,.3g}"),
        _bars(shown, "median_monetary", f"Monetary: money spent{currency}", ""),
    ]
    return draw(alt.hconcat(*charts, spacing=24), "medians")


def _bars(shown: list[tuple[int, Segment]], field: str, title: str, form: str, *, axis: bool = False) -> alt.LayerChart:
    rows: list[dict[str, Any]] = []
    for place, one in shown:
        value = float(getattr(one, field))
        text = form.format(value) if form else money(value)
        rows.append(
            {
                "segment": one.name,
                "value": value,
                "text": text,
                "fill": one.colour,
                "said": said(f"{one.name}, {title}: median {text}", place),
            }
        )
    names = (
        alt.Axis(title=None, domain=False, ticks=False, minExtent=130, labelLimit=150, labelColor="var(--ink)")
        if axis
        else None
    )
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y("segment:N", sort=[one.name for _, one in shown], axis=names),
        x=alt.X("value:Q", axis=None, scale=alt.Scale(domain=_room(rows))),
        description=alt.Description("said:N"),
    )
    bars = base.mark_bar(cornerRadiusEnd=3, height=18).encode(
        color=alt.Color("fill:N", scale=None), stroke=alt.value("var(--edge)"), strokeWidth=alt.value(1)
    )
    numbers = base.mark_text(align="left", dx=5).encode(text="text:N", color=alt.value("var(--ink)"))
    return (bars + numbers).properties(width=ACROSS, height=ROW * len(shown), title=title)


def _room(rows: list[dict[str, Any]]) -> list[float]:
    """To the right of the longest bar its number has to fit."""
    values = [row["value"] for row in rows]
    return [min(0.0, *values), max(1e-9, *values) * 1.28]
