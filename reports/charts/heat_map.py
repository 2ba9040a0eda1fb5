"""Customers, and their median money, by score of recency and frequency: where the many and the valuable are."""

from typing import Any

import altair as alt

from reports.charts.colours import HEATS, heat, places_of
from reports.charts.svg import HALF, draw, said
from reports.data import Cell, Report
from reports.words import money, short

STEPS = list(range(HEATS + 1))
GAPS = alt.Scale(paddingInner=0.05, paddingOuter=0)
LONG_NAME = 11
"""Characters; a longer name is written in two lines."""


def customers_map(report: Report) -> str:
    values = [float(cell.customers) for cell in report.cells]
    texts = [short(cell.customers) if cell.customers else "" for cell in report.cells]
    return draw(_map(report, values, texts), "cells-customers")


def money_map(report: Report) -> str:
    values = [float(cell.median_monetary or 0) for cell in report.cells]
    texts = ["" if cell.median_monetary is None else short(cell.median_monetary) for cell in report.cells]
    return draw(_map(report, values, texts), "cells-money")


def _map(report: Report, values: list[float], texts: list[str]) -> alt.LayerChart:
    places = places_of(report)
    rows: list[dict[str, Any]] = []
    for cell, step, text in zip(report.cells, heat(values), texts, strict=True):
        [*_, first] = cell.segments[:1]
        one = cell.segments == (first,)
        rows.append(
            {
                "recency": cell.recency,
                "frequency": cell.frequency,
                "step": step,
                "text": text,
                "segment": _lines(first) if one else f"{len(cell.segments)} segments",
                "said": said(_said(cell, report), places[first] if one else None),
            }
        )
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("recency:O", title="Recency score (1: long ago)", axis=_axis(), scale=GAPS),
        y=alt.Y("frequency:O", sort="descending", title="Frequency score (1: seldom)", axis=_axis(), scale=GAPS),
        description=alt.Description("said:N"),
    )
    fill = alt.Scale(domain=STEPS, range=[f"var(--heat-{step})" for step in STEPS])
    ink = alt.Scale(domain=STEPS, range=[f"var(--on-heat-{step})" for step in STEPS])
    boxes = base.mark_rect(cornerRadius=3).encode(color=alt.Color("step:O", scale=fill, legend=None))
    numbers = base.mark_text(fontSize=15, fontWeight="bold", dy=-11).encode(
        text="text:N", color=alt.Color("step:O", scale=ink, legend=None)
    )
    names = base.mark_text(fontSize=9.5, dy=7, lineHeight=11).encode(
        text="segment:N", color=alt.Color("step:O", scale=ink, legend=None)
    )
    down = max(cell.frequency for cell in report.cells)
    layers = (boxes + numbers + names).resolve_scale(color="independent")
    return layers.properties(width=HALF - 40, height=62 * down)


def _axis() -> alt.Axis:
    return alt.Axis(labelAngle=0, ticks=False, domain=False, labelPadding=6)


def _lines(name: str) -> str | list[str]:
    return name.split(" ", 1) if len(name) > LONG_NAME else name


def _said(cell: Cell, report: Report) -> str:
    median = "" if cell.median_monetary is None else f", median {money(cell.median_monetary, report.currency)}"
    return f"Recency {cell.recency}, frequency {cell.frequency}: {cell.customers:,} customers{median}"
