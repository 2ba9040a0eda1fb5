"""Who moved from where to where since the day before: bands from the segments of then to those of now."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from reports.charts.colours import NEUTRAL, colours_of, places_of
from reports.charts.svg import FONT, WIDE, draw_vega, said
from reports.data import Move, Report

HEIGHT, GAP, BOX, MARGIN = 460, 8, 14, 190
"""Pixels: of all, between two segments, of a segment's box, and beside the boxes for the names."""
NOT_SCORED = "not scored"


class Node(NamedTuple):
    name: str
    top: float
    height: float
    customers: int


def moves(report: Report) -> str:
    then, now = (_column(report, side) for side in ("before", "now"))
    colours = colours_of(report) | {NOT_SCORED: NEUTRAL}
    places = places_of(report)
    bands = list(_bands(report.moves, then, now, colours, places))
    return draw_vega(
        {
            "width": WIDE,
            "height": HEIGHT,
            "data": [
                {"name": "bands", "values": bands},
                {
                    "name": "boxes",
                    "values": [
                        *_boxes(then, MARGIN, colours, places),
                        *_boxes(now, WIDE - MARGIN - BOX, colours, places),
                    ],
                },
                {
                    "name": "names",
                    "values": [*_names(then, MARGIN - 8, "right"), *_names(now, WIDE - MARGIN + 8, "left")],
                },
            ],
            "marks": [_band_mark(), _box_mark(), _name_mark()],
        },
        "moves",
    )


def name_of(segment: str | None) -> str:
    return segment or NOT_SCORED


def _column(report: Report, side: str) -> dict[str, Node]:
    """The segments of one side from top to bottom, as high as they have customers."""
    customers: dict[str, int] = {}
    for move in report.moves:
        name = name_of(getattr(move, side))
        customers[name] = customers.get(name, 0) + move.customers
    order = [name for name in [*colours_of(report), NOT_SCORED] if name in customers]
    scale = (HEIGHT - GAP * (len(order) - 1)) / sum(customers.values())
    nodes, top = {}, 0.0
    for name in order:
        nodes[name] = Node(name, top, customers[name] * scale, customers[name])
        top += customers[name] * scale + GAP
    return nodes


def _bands(
    found: Sequence[Move], then: dict[str, Node], now: dict[str, Node], colours: dict[str, str], places: dict[str, int]
) -> Iterable[dict[str, Any]]:
    """Each band leaves its segment below the one before it, so that none lies over another at the ends."""
    by_name = {(name_of(move.before), name_of(move.now)): move.customers for move in found}
    left, right = ({name: node.top for name, node in nodes.items()} for nodes in (then, now))
    for old in then:
        for new in now:
            customers = by_name.get((old, new), 0)
            if not customers:
                continue
            height = customers * then[old].height / then[old].customers
            stays = old == new
            text = f"{customers:,} customers stayed in {old}" if stays else f"{customers:,} customers: {old} → {new}"
            yield {
                "path": _ribbon(left[old], right[new], height),
                "fill": colours[old],
                "opacity": 0.22 if stays else 0.6,
                "said": said(text, places.get(old)),
            }
            left[old] += height
            right[new] += height


def _ribbon(left: float, right: float, height: float) -> str:
    start, end = MARGIN + BOX, WIDE - MARGIN - BOX
    middle = (start + end) / 2
    return (
        f"M{start},{left:.2f}C{middle},{left:.2f},{middle},{right:.2f},{end},{right:.2f}"
        f"V{right + height:.2f}C{middle},{right + height:.2f},{middle},{left + height:.2f},{start},{left + height:.2f}Z"
    )


def _boxes(nodes: dict[str, Node], x: float, colours: dict[str, str], places: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "x": x,
            "y": node.top,
            "height": max(1.0, node.height),
            "fill": colours[node.name],
            "said": said(f"{node.name}: {node.customers:,} customers", places.get(node.name)),
        }
        for node in nodes.values()
    ]


def _names(nodes: dict[str, Node], x: float, align: str) -> list[dict[str, Any]]:
    """Beside the boxes; pushed down where small neighbours would write over each other."""
    names, free = [], -20.0
    for node in nodes.values():
        y = max(node.top + node.height / 2, free + 15)
        free = y
        names.append({"x": x, "y": y, "align": align, "text": f"{node.name}  {node.customers:,}"})
    return names


def _band_mark() -> dict[str, Any]:
    return {
        "type": "path",
        "from": {"data": "bands"},
        "encode": {
            "enter": {
                "path": {"field": "path"},
                "fill": {"field": "fill"},
                "fillOpacity": {"field": "opacity"},
                "description": {"field": "said"},
            }
        },
    }


def _box_mark() -> dict[str, Any]:
    return {
        "type": "rect",
        "from": {"data": "boxes"},
        "encode": {
            "enter": {
                "x": {"field": "x"},
                "y": {"field": "y"},
                "width": {"value": BOX},
                "height": {"field": "height"},
                "fill": {"field": "fill"},
                "stroke": {"value": "var(--edge)"},
                "description": {"field": "said"},
            }
        },
    }


def _name_mark() -> dict[str, Any]:
    return {
        "type": "text",
        "from": {"data": "names"},
        "encode": {
            "enter": {
                "x": {"field": "x"},
                "y": {"field": "y"},
                "align": {"field": "align"},
                "baseline": {"value": "middle"},
                "text": {"field": "text"},
                "fill": {"value": "var(--ink)"},
                "font": {"value": FONT},
                "fontSize": {"value": 12.5},
            }
        },
    }
