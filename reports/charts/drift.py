"""The customers by score, then and now, by the same edges: what the drift is made of."""

from typing import Any

import altair as alt

from reports.charts.svg import draw, said
from reports.data import Drift, MeasureDrift
from reports.words import percent

ACROSS, HEIGHT = 262, 150


def drift(found: Drift) -> str:
    charts = [_bars(found, one) for one in found.measures]
    return draw(alt.hconcat(*charts, spacing=36), "drift")


def _bars(found: Drift, one: MeasureDrift) -> alt.LayerChart:
    rows: list[dict[str, Any]] = []
    for day, shares in ((found.since.isoformat(), one.then), ("this run", one.now)):
        for score, share in enumerate(shares, start=1):
            text = said(f"{one.measure} score {score}, {day}: {percent(share)} of the customers")
            rows.append({"score": score, "day": day, "share": share, "text": f"{share * 100:.0f}", "said": text})
    days = [found.since.isoformat(), "this run"]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("score:O", title=f"{one.measure} score, % of customers", axis=alt.Axis(labelAngle=0, ticks=False)),
        xOffset=alt.XOffset("day:N", sort=days),
        y=alt.Y("share:Q", axis=None),
        description=alt.Description("said:N"),
    )
    colour = alt.Scale(domain=days, range=["var(--then)", "var(--bar)"])
    bars = base.mark_bar(cornerRadiusEnd=2).encode(color=alt.Color("day:N", scale=colour, legend=None))
    numbers = base.mark_text(dy=-6, fontSize=9.5).encode(text="text:N", color=alt.value("var(--muted)"))
    return (bars + numbers).properties(width=ACROSS, height=HEIGHT)
