"""The last days: customers by segment, and revenue by segment, each day a bar."""

from typing import Any

import altair as alt

from reports.charts.colours import colours_of, places_of
from reports.charts.svg import HALF, draw, said
from reports.data import DayTotals, Report
from reports.words import money

PLAIN_ZERO = "datum.value === 0 ? '0' : datum.label"


def customers_trend(report: Report) -> str:
    return draw(_bars(report, "Customers", [float(day.customers) for day in report.trend]), "trend-customers")


def revenue_trend(report: Report) -> str:
    currency = f" ({report.currency})" if report.currency else ""
    return draw(_bars(report, f"Revenue{currency}", [float(day.revenue) for day in report.trend]), "trend-revenue")


def _bars(report: Report, title: str, values: list[float]) -> alt.Chart:
    colours, places = colours_of(report), places_of(report)
    order = {name: place for place, name in enumerate(colours)}
    rows: list[dict[str, Any]] = [
        {
            "day": day.run_date.isoformat(),
            "segment": day.segment,
            "order": order[day.segment],
            "value": value,
            "said": said(_said(day, report), places.get(day.segment)),
        }
        for day, value in zip(report.trend, values, strict=True)
    ]
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(stroke="var(--surface)", strokeWidth=0.7)
        .encode(
            x=alt.X("day:O", title=None, axis=alt.Axis(labelAngle=-40)),
            y=alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=5, format="~s", labelExpr=PLAIN_ZERO)),
            color=alt.Color(
                "segment:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=None
            ),
            order=alt.Order("order:Q", sort="descending"),
            description=alt.Description("said:N"),
        )
        .properties(width=HALF - 50, height=260, title=title)
    )


def _said(day: DayTotals, report: Report) -> str:
    return f"{day.run_date}, {day.segment}: {day.customers:,} customers, revenue {money(day.revenue, report.currency)}"
