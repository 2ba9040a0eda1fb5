"""Draws a chart as SVG, and makes it fit into a page that has neither script nor network.

Vega draws while the report is made. Its colours are names of the page's style (`var(--ink)`), so that one drawing is
right in light, dark and print. Each mark says what it shows: browsers show that on hovering, and the page can dim
all marks but those of one segment.
"""

import re
from typing import Any
from xml.etree import ElementTree

import altair as alt
import vl_convert

SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", SVG)
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
WIDE, HALF = 960, 440
"""Widths in pixels: of the whole page, and of one of two side by side."""
SEPARATOR = "|"

CONFIG: dict[str, Any] = {
    "background": None,
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "gridColor": LINE,
        "domainColor": LINE,
        "tickColor": LINE,
    },
    "header": {"labelColor": INK, "titleColor": INK, "labelFontSize": 13, "labelFontWeight": "bold"},
    "title": {"color": INK, "fontSize": 13, "anchor": "start", "fontWeight": "bold"},
    "text": {"fill": INK, "fontSize": 12, "font": FONT},
}


def said(text: str, segment: int | None = None) -> str:
    """What a mark shows, for its description; with the place of its segment in the rule set."""
    return f"{'' if segment is None else segment}{SEPARATOR}{text}"


def draw(chart: alt.TopLevelMixin, name: str) -> str:
    """An Altair chart as SVG. `name` tells its parts from those of other charts on the page."""
    return tidy(vl_convert.vegalite_to_svg({**chart.to_dict(validate=False), "config": CONFIG}), name)


def draw_vega(specification: dict[str, Any], name: str) -> str:
    """The same of a Vega specification, for what Vega-Lite cannot draw."""
    return tidy(
        vl_convert.vega_to_svg({"$schema": "https://vega.github.io/schema/vega/v6.json", **specification}), name
    )


def tidy(text: str, name: str) -> str:
    """Without Vega's roles, which tell a screen reader of every tick: the page has the numbers as a table instead."""
    root = ElementTree.fromstring(_own_names(_round(text), name))  # noqa: S314  it is our own, made a moment ago
    for parent in list(root.iter()):
        for child in list(parent):
            if child.get("d") == "" or child.get("d") == "M0,0h0v0h0Z":
                parent.remove(child)
    for element in root.iter():
        _describe(element, element.attrib.pop("aria-label", ""))
        for noise in ("role", "aria-roledescription", "aria-hidden"):
            element.attrib.pop(noise, None)
    for size in ("class", "version"):
        root.attrib.pop(size, None)
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    return ElementTree.tostring(root, encoding="unicode")


def _own_names(text: str, name: str) -> str:
    """Vega numbers its clips on and on: here they are counted from 1 in each chart, and bear its name."""
    found = list(dict.fromkeys(re.findall(r'id="((?:clip|gradient)_?\d+)"', text)))
    for place, old in enumerate(found, start=1):
        text = re.sub(rf'(id="|#){old}(?=["\')])', rf"\g<1>{name}-clip-{place}", text)
    return text


def _describe(element: ElementTree.Element, label: str) -> None:
    segment, separator, text = label.partition(SEPARATOR)
    if not separator:
        return
    ElementTree.SubElement(element, f"{{{SVG}}}title").text = text
    if segment:
        element.set("data-segment", segment)


def _round(text: str) -> str:
    """Coordinates to a hundredth of a pixel: half the size, and nobody sees it."""
    return re.sub(r"(\d+\.\d{2})\d+", r"\1", text)
