"""What stands on the page is what the report has: every mark of every chart, and the warnings."""

import re
from xml.etree import ElementTree

import pytest

from reports.page import page_of
from reports.words import money, percent

CHART = re.compile(r'data-chart="(\w+)"[^>]*>(<svg.*?</svg>)', re.DOTALL)
TITLE = "{http://www.w3.org/2000/svg}title"
NOBODY_SEES = 0.002
"""A share of the whole that has no area of its own."""


@pytest.fixture(scope="module")
def shown(page_file):
    """What the marks say, by chart."""
    charts = CHART.findall(page_file.read_text())
    return {name: {title.text for title in ElementTree.fromstring(svg).iter(TITLE)} for name, svg in charts}


def test_areas_are_the_segments_with_their_customers_and_revenue(shown, report):
    assert shown["treemap_customers"] == {
        f"{one.name}: {one.customers:,}, {percent(one.share)} of customers"
        for one in report.segments
        if one.share > NOBODY_SEES
    }
    assert shown["treemap_revenue"] == {
        f"{one.name}: {money(one.revenue, 'USD')}, {percent(one.revenue_share)} of revenue"
        for one in report.segments
        if one.revenue_share > NOBODY_SEES
    }


@pytest.mark.parametrize("chart", ["map_customers", "map_money"])
def test_the_boxes_of_the_map_are_the_cells(shown, report, chart):
    assert len(report.cells) == 25
    assert shown[chart] == {
        f"Recency {one.recency}, frequency {one.frequency}: {one.customers:,} customers"
        + ("" if one.median_monetary is None else f", median {money(one.median_monetary, 'USD')}")
        for one in report.cells
    }


def test_bands_are_the_moves_and_their_ends_the_segments_of_then_and_now(shown, report):
    expected, ends = set(), {"before": {}, "now": {}}
    for move in report.moves:
        before, now = move.before or "not scored", move.now or "not scored"
        went = f" stayed in {before}" if before == now else f": {before} → {now}"
        expected.add(f"{move.customers:,} customers{went}")
        for side, name in (("before", before), ("now", now)):
            ends[side][name] = ends[side].get(name, 0) + move.customers
    for side in ends.values():
        expected |= {f"{name}: {customers:,} customers" for name, customers in side.items()}

    assert shown["moves"] == expected
    assert {one.name: ends["now"].get(one.name, 0) for one in report.segments} == {
        one.name: one.customers for one in report.segments
    }


@pytest.mark.parametrize("chart", ["trend_customers", "trend_revenue"])
def test_the_bars_of_the_trend_are_the_segments_of_each_day(shown, report, chart):
    assert len({day.run_date for day in report.trend}) == 6
    assert shown[chart] == {
        f"{day.run_date}, {day.segment}: {day.customers:,} customers, revenue {money(day.revenue, 'USD')}"
        for day in report.trend
    }


def test_the_typical_customers_are_the_medians(shown, report):
    expected = set()
    for one in (segment for segment in report.segments if segment.customers):
        expected |= {
            f"{one.name}, Recency: days since last purchase: median {one.median_recency:,.0f}",
            f"{one.name}, Frequency: orders: median {one.median_frequency:,.3g}",
            f"{one.name}, Monetary: money spent (USD): median {money(float(one.median_monetary))}",
        }

    assert shown["medians"] == expected


def test_the_drift_is_shown_score_by_score(shown, report):
    expected = set()
    for one in report.drift.measures:
        for day, shares in (("1998-04-30", one.then), ("this run", one.now)):
            expected |= {
                f"{one.measure} score {score}, {day}: {percent(share)} of the customers"
                for score, share in enumerate(shares, start=1)
            }

    assert shown["drift"] == expected


def test_customers_who_could_not_be_scored_are_a_warning(report):
    warned = report.model_copy(
        update={"quality": report.quality.model_copy(update={"warnings": "7 missing_customer, 2 no_positive_order"})}
    )

    assert "Some customers could not be scored" not in page_of(report)
    assert "<strong>Some customers could not be scored</strong>: 7 missing customer, 2 no positive order." in page_of(
        warned
    )


def test_customers_who_have_not_shifted_are_no_warning(report):
    steady = [one.model_copy(update={"psi": 0.2, "level": "moved"}) for one in report.drift.measures]
    quiet = report.model_copy(update={"drift": report.drift.model_copy(update={"measures": tuple(steady)})})

    assert "The customers have shifted" in page_of(report)
    assert "The customers have shifted" not in page_of(quiet)


def test_the_page_says_where_the_same_is_as_data(page_file):
    assert "report.json, published beside this page; the invoker has it as /report/1998-06-30?format=json" in (
        page_file.read_text()
    )
