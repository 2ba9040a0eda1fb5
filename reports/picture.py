"""A chart as PNG, for places that cannot show the page: always in the light colours, on white."""

import re
from pathlib import Path

import vl_convert

SCALE = 1.5
_LIGHT = re.search(r":root \{(.*?)\}", Path(__file__).with_name("style.css").read_text(encoding="utf-8"), re.DOTALL)


def picture_of(svg: str) -> bytes:
    colours = dict(re.findall(r"(--[\w-]+):\s*([^;]+);", _LIGHT.group(1) if _LIGHT else ""))
    filled = re.sub(r"var\((--[\w-]+)\)", lambda found: colours[found.group(1)], svg)
    return vl_convert.svg_to_png(
        re.sub(r"(<svg[^>]*>)", r'\1<rect width="100%" height="100%" fill="white"/>', filled, count=1), scale=SCALE
    )
