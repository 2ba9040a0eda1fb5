"""A real report, followed from the start page: it is drawn under what the invoker lets a report do."""

import pytest
from playwright.sync_api import expect

from invoker.app import create_app
from tests.browser import chromium, keep, opened
from tests.invoker.parts import client_of
from tests.invoker.prefect_stand_in import PrefectStandIn
from tests.invoker.results import with_results
from tests.reports.conftest import page_file, report, shop  # noqa: F401
from tests.snapshot.given_snapshots import RUN_DATE

EMPTY = """
    () => [...document.querySelectorAll("[data-chart]")].filter(chart => chart.checkVisibility()).filter(chart =>
        ![...chart.querySelectorAll("svg *")].some(mark => mark.getBoundingClientRect().width > 0)
    ).map(chart => chart.dataset.chart)
"""
"""The charts that are to be seen and have nothing drawn."""


@pytest.fixture
def address(tmp_path, page_file):  # noqa: F811
    prefect = PrefectStandIn().start()
    settings = with_results(tmp_path, prefect)
    published = settings.published.path / "rfm" / str(RUN_DATE) / "report.html"
    published.write_bytes(page_file.read_bytes())
    with client_of(create_app(settings)) as client:
        yield str(client.base_url)
    prefect.stop()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_behind_the_link_is_drawn_whole(address, scheme):
    with chromium() as browser, opened(browser, address, color_scheme=scheme) as watched:
        watched.page.get_by_role("link", name=f"Report of {RUN_DATE}", exact=True).click()
        expect(watched.page.get_by_role("heading", level=1)).to_be_visible()
        keep(watched.page, f"report-served-{scheme}")

        assert watched.page.locator("[data-chart]").count() >= 10
        assert watched.page.evaluate(EMPTY) == []
        assert watched.page.evaluate("getComputedStyle(document.body).fontFamily") != "Times"
        assert {asked.split("/")[2] for asked in watched.requests} == {address.split("/")[2]}
        assert watched.said == []
