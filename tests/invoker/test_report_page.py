"""A real report, followed from the start page: it is drawn under what the invoker lets a report do."""

from datetime import date

import pytest
from playwright.sync_api import expect

from invoker.app import create_app
from messenger.contract import ORCHESTRATE, Failure
from settings import Published
from tests.browser import chromium, keep, opened
from tests.invoker.given_runs import given_runs
from tests.invoker.parts import client_of, settings_for
from tests.invoker.prefect_stand_in import PrefectStandIn
from tests.invoker.results import with_results
from tests.reports.conftest import page_file, report, shop  # noqa: F401
from tests.reports.given_shop import LAST
from tests.snapshot.given_snapshots import RUN_DATE
from tests.warehouse.given_features import given_request
from workload.publish import publish
from workload.snapshot import publish_snapshot

DONE = [(step, "succeeded", None) for step in ("features", "scoring", ORCHESTRATE, "report")]
SHOWN = {
    date(1998, 4, 30): DONE,
    date(1998, 5, 31): [
        ("features", "succeeded", None),
        ("scoring", "failed", Failure(type="Guarded", message="more than half of the rows are rejected")),
        (ORCHESTRATE, "failed", Failure(type="StepFailed", message="scoring failed")),
    ],
    LAST: DONE,
    date(1998, 7, 31): [(ORCHESTRATE, "started", None), ("features", "started", None)],
}
"""The runs in the picture: two went well, one was stopped, one is under way."""
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


def test_the_picture_of_the_start_page_is_made(shop, page_file, tmp_path):  # noqa: F811
    """Of the demo shop, as a user has it. `make pictures` puts it into docs/images."""
    prefect = PrefectStandIn().start()
    settings = settings_for(tmp_path, prefect, pull=False).model_copy(
        update={"published": Published(path=tmp_path / "published")}
    )
    files = publish(shop, given_request(LAST), settings.published.path)
    (files / "report.html").write_bytes(page_file.read_bytes())
    publish_snapshot(shop, given_request(LAST), settings.published.path, keep=1)
    given_runs(settings, SHOWN)
    with (
        client_of(create_app(settings)) as client,
        chromium() as browser,
        opened(browser, str(client.base_url)) as seen,
    ):
        expect(seen.page.locator("#segment-rows tr").first).to_contain_text("champions")
        expect(seen.page.locator("#run-rows tr")).to_have_count(len(SHOWN))
        expect(seen.page.locator("#report-links li")).to_have_count(1)
        picture = keep(seen.page, "docs-start-page", full_page=True)
    prefect.stop()

    assert picture.stat().st_size > 50_000
