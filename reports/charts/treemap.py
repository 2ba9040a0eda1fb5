"""Segments as areas of one whole: how many customers they have, or how much revenue they bring."""

from typing import Any

from reports.charts.colours import on
from reports.charts.svg import FONT, WIDE, draw_vega, said
from reports.data import Report, Segment
from reports.words import money, percent

HEIGHT = 320
LETTER, LINE = 9.5, 16
"""Pixels: as wide as a letter of a name can be, and as high as a line."""
SMALLEST = 0.002
"""A share of the whole whose area nobody would see; such a segment stands in the table only."""


def customers_treemap(report: Report) -> str:
    rows = [_row(one, place, one.customers, _people(one)) for place, one in enumerate(report.segments)]
    return draw_vega(_treemap(rows), "tree-customers")


def revenue_treemap(report: Report) -> str:
    rows = [_row(one, place, float(one.revenue), _money(one, report)) for place, one in enumerate(report.segments)]
    return draw_vega(_treemap(rows), "tree-revenue")


def _people(one: Segment) -> tuple[str, str]:
    return f"{one.customers:,}", f"{percent(one.share)} of customers"


def _money(one: Segment, report: Report) -> tuple[str, str]:
    return money(one.revenue, report.currency), f"{percent(one.revenue_share)} of revenue"


def _row(one: Segment, place: int, value: float, texts: tuple[str, str]) -> dict[str, Any]:
    number, share = texts
    return {
        "id": place + 1,
        "parent": 0,
        "name": one.name,
        "number": number,
        "share": share,
        "value": max(0.0, value),
        "fill": one.colour,
        "ink": on(one.colour),
        "said": said(f"{one.name}: {number}, {share}", place),
    }


def _treemap(rows: list[dict[str, Any]]) -> dict[str, Any]:
    whole = sum(row["value"] for row in rows)
    shown = [row for row in rows if row["value"] > SMALLEST * whole]
    return {
        "width": WIDE,
        "height": HEIGHT,
        "data": [
            {
                "name": "tree",
                "values": [{"id": 0, "parent": None}, *shown],
                "transform": [
                    {"type": "stratify", "key": "id", "parentKey": "parent"},
                    {
                        "type": "treemap",
                        "field": "value",
                        "sort": {"field": "value", "order": "descending"},
                        "method": "squarify",
                        "ratio": 1.9,
                        "paddingInner": 3,
                        "size": [WIDE, HEIGHT],
                    },
                ],
            },
            {
                "name": "boxes",
                "source": "tree",
                "transform": [
                    {"type": "filter", "expr": "datum.id > 0"},
                    {"type": "formula", "as": "across", "expr": "datum.x1 - datum.x0"},
                    {"type": "formula", "as": "down", "expr": "datum.y1 - datum.y0"},
                    {
                        "type": "formula",
                        "as": "words",
                        "expr": f"datum.across < {LETTER} * length(datum.name) ? split(datum.name, ' ') : [datum.name]",
                    },
                ],
            },
        ],
        "marks": [
            {
                "type": "rect",
                "from": {"data": "boxes"},
                "encode": {
                    "enter": {
                        "x": {"field": "x0"},
                        "x2": {"field": "x1"},
                        "y": {"field": "y0"},
                        "y2": {"field": "y1"},
                        "cornerRadius": {"value": 4},
                        "fill": {"field": "fill"},
                        "stroke": {"value": "var(--edge)"},
                        "description": {"field": "said"},
                    }
                },
            },
            _text("words", 20, 13, "bold", "datum.down > 26"),
            _text("number", 39, 13, "normal", "datum.down > 46"),
            _text("share", 56, 12, "normal", "datum.down > 64"),
        ],
    }


def _text(field: str, below: int, size: int, weight: str, fits: str) -> dict[str, Any]:
    """Only where the box is high enough; too long a text is cut by its width."""
    return {
        "type": "text",
        "from": {"data": "boxes"},
        "encode": {
            "enter": {
                "x": {"field": "x0", "offset": 10},
                "y": {
                    "signal": f"datum.y0 + {below} + {LINE if below > LINE * 1.5 else 0} * (length(datum.words) - 1)"
                },
                "text": {"signal": f"{fits} && datum.across > 44 ? datum.{field} : ''"},
                "lineHeight": {"value": LINE},
                "limit": {"signal": "datum.across - 14"},
                "fill": {"field": "ink"},
                "font": {"value": FONT},
                "fontSize": {"value": size},
                "fontWeight": {"value": weight},
                "description": {"field": "said"},
            }
        },
    }
