"""The page as people have it: in a browser, by mouse and keyboard, light, dark, and on paper."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from pypdf import PdfReader

from reports.words import change, money, percent
from tests.browser import SHOTS, chromium, keep, opened

CHARTS = {
    "treemap_customers": 5,
    "treemap_revenue": 5,
    "moves": 20,
    "trend_customers": 40,
    "trend_revenue": 40,
    "medians": 27,
    "map_customers": 25,
    "map_money": 25,
    "recency": 20,
    "frequency": 10,
    "monetary": 20,
    "drift": 24,
}
"""At least so many marks has each chart that is drawn whole."""
MARKS = """
    () => Object.fromEntries([...document.querySelectorAll("[data-chart]")].map(chart =>
        [chart.dataset.chart, [...chart.querySelectorAll("title")].map(title => {
            const box = title.parentElement.getBoundingClientRect();
            return {text: title.textContent, left: box.left, right: box.right, height: box.height};
        })]
    ))
"""
"""By chart: what each mark says, and where it stands on the page, in pixels."""
DRAWN = """
    () => Object.fromEntries([...document.querySelectorAll("[data-chart]")].map(chart => {
        const marks = [...chart.querySelectorAll("title")].map(title => title.parentElement.getBBox());
        return [chart.dataset.chart, marks.filter(box => box.width > 0 || box.height > 0).length];
    }))
"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def seen(browser, page_file):
    with opened(browser, page_file.as_uri()) as watched:
        yield watched


def test_every_chart_is_drawn_and_nothing_leaves_the_page(seen, page_file):
    seen.page.get_by_text("revenue", exact=True).first.click()
    by_revenue = seen.page.evaluate(DRAWN)
    seen.page.locator("label[for=tree-customers-on]").click()
    drawn = seen.page.evaluate(DRAWN) | {"treemap_revenue": by_revenue["treemap_revenue"]}
    assert {name: drawn.get(name, 0) for name, least in CHARTS.items() if drawn.get(name, 0) < least} == {}
    assert set(drawn) == set(CHARTS)
    assert page_file.stat().st_size < 2_000_000
    assert seen.requests == [page_file.as_uri()]
    assert seen.said == []


@pytest.mark.parametrize("measure", ["recency", "frequency", "monetary"])
def test_bars_are_as_high_as_their_customers_and_edges_stand_between_the_bars(seen, report, measure):
    figures = next(one for one in report.measures if one.measure == measure)
    marks = seen.page.evaluate(MARKS)[measure]
    bars, edges = marks[: len(figures.histogram)], marks[len(figures.histogram) :]

    highest, most = max(bar["height"] for bar in bars), max(bar.customers for bar in figures.histogram)
    for drawn, bar in zip(bars, figures.histogram, strict=True):
        assert drawn["text"].endswith(f": {bar.customers:,} customers")
        assert drawn["height"] == pytest.approx(bar.customers / most * highest, abs=1.5)
    different = sorted(set(figures.edges))
    assert [edge["text"] for edge in edges] == [
        f"Edge at {edge:,}, a value on it counts as below" for edge in different
    ]
    for drawn, edge in zip(edges, different, strict=True):
        [inside] = [
            place
            for place, bar in enumerate(figures.histogram)
            if (bar.low is None or bar.low <= edge) and (bar.high is None or edge < bar.high)
        ]
        assert bars[inside]["left"] - 1 <= drawn["left"] <= bars[inside]["right"] + 1
    assert [edge["left"] for edge in edges] == sorted(edge["left"] for edge in edges)


def test_the_cards_and_the_warning_say_what_the_report_has(seen, report):
    head, since = report.headline, "since 30 April 1998"
    shown = [card.split("\n") for card in seen.page.locator(".card").all_inner_texts()]

    assert shown == [
        ["Customers", f"{head.customers:,}", f"{change(head.customers, head.previous.customers)} {since}"],
        ["Revenue, USD", money(head.revenue), f"{change(head.revenue, head.previous.revenue)} {since}"],
        ["Orders", f"{head.orders:,}", f"{head.orders / head.customers:.1f} per customer"],
        [
            f"Share of revenue: {' and '.join(head.best)}",
            percent(head.best_revenue_share),
            f"from {percent(head.best_customer_share)} of the customers;"
            f" was {percent(head.previous.best_revenue_share)}",
        ],
    ]
    [warning] = seen.page.locator(".warning").all_inner_texts()
    assert warning.startswith(f"The customers have shifted {since}: recency has a PSI of {report.drift.worst.psi:.2f}")
    bounds = seen.page.locator("section#drift").inner_text()
    assert "below 0.1 nothing to speak of, from 0.25 on a shift" in bounds


def test_a_script_that_came_into_the_page_would_not_run(seen):
    added = "() => { const one = document.createElement('script'); one.textContent = 'window.ran = 1';"
    seen.page.evaluate(added + " document.body.append(one) }")
    assert seen.page.evaluate("window.ran") is None
    assert "Content Security Policy" in seen.said.pop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_those_who_see_little_or_nothing(browser, page_file, scheme):
    with opened(browser, page_file.as_uri(), color_scheme=scheme) as watched:
        keep(watched.page, f"report-{scheme}", full_page=True)
        for closed in watched.page.locator("details").all():
            closed.evaluate("one => { one.open = true }")
        found = Axe().run(watched.page)
    assert found.violations_count == 0, found.generate_report()


def test_light_and_dark_differ_and_paper_is_always_white(browser, page_file):
    background = "() => getComputedStyle(document.body).backgroundColor"
    with opened(browser, page_file.as_uri(), color_scheme="dark") as watched:
        dark = watched.page.evaluate(background)
        watched.page.emulate_media(media="print")
        assert watched.page.evaluate(background) == "rgb(255, 255, 255)"
        ink = watched.page.evaluate("() => getComputedStyle(document.documentElement).getPropertyValue('--ink')")
        watched.page.emulate_media(media="screen", color_scheme="light")
        assert watched.page.evaluate(background) != dark
        assert (
            watched.page.evaluate("() => getComputedStyle(document.documentElement).getPropertyValue('--ink')") == ink
        )


def test_it_prints_on_a_few_pages_with_every_section(seen, tmp_path):
    printed = tmp_path / "report.pdf"
    seen.page.pdf(path=printed, prefer_css_page_size=True)
    pages = PdfReader(printed).pages
    text = " ".join(page.extract_text() for page in pages)
    assert 3 <= len(pages) <= 9
    for title in ("Segments", "Who moved", "Trend", "Typical customers", "Score map", "Drift", "Provenance"):
        assert title in text
    assert "rfm-1998-06-30-1" in text


def test_the_keyboard_reaches_everything_that_can_be_used(browser, page_file):
    reached = "() => { const one = document.activeElement; return one.id || one.textContent.trim().slice(0, 40) }"
    with opened(browser, page_file.as_uri()) as watched:
        first, found = None, []
        for _ in range(120):
            watched.page.keyboard.press("Tab")
            now = watched.page.evaluate(reached)
            if now == first or now == "":
                break
            first = first or now
            found.append(now)
    assert found[0] == "To the report"
    assert {"Segments", "Drift", "follow-all", "tree-customers-on", "All moves as a table"} <= set(found)


def test_a_segment_that_is_followed_is_the_only_one_that_stands_out(browser, page_file):
    faded = """() => [...document.querySelectorAll("[data-segment]")].filter(
        one => getComputedStyle(one).opacity < 0.5).map(one => one.dataset.segment)"""
    with opened(browser, page_file.as_uri(), reduced_motion="reduce") as watched:
        assert watched.page.evaluate(faded) == []
        watched.page.locator("#follow-all").focus()
        watched.page.keyboard.press("ArrowRight")
        watched.page.wait_for_function(f"({faded})().length > 0")
        assert "0" not in watched.page.evaluate(faded)
        assert {"1", "2", "9"} <= set(watched.page.evaluate(faded))
        keep(watched.page, "report-one-segment")


def test_a_telephone_shows_it_without_scrolling_sideways(browser, page_file):
    with opened(browser, page_file.as_uri(), width=390, height=800) as watched:
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 390
        keep(watched.page, "report-telephone", full_page=True)


def test_the_pictures_of_the_documentation_are_made(browser, page_file):
    """`make pictures` puts them into docs/images."""
    with opened(browser, page_file.as_uri()) as watched:
        keep(watched.page, "docs-report")
        watched.page.add_style_tag(content=".bar { position: static }")  # it would lie across what is scrolled to
        for section in ("segments", "moves", "trend", "typical", "map", "scores", "drift", "quality"):
            SHOTS.mkdir(exist_ok=True)
            watched.page.locator(f"section#{section}").screenshot(path=SHOTS / f"docs-report-{section}.png")
    assert (SHOTS / "docs-report.png").stat().st_size > 50_000
