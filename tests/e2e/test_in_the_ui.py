"""What people see of a run in Prefect's own UI, in a browser: its name, its tags, what it has made, dbt's nodes."""

from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import chromium, keep, opened
from tests.e2e.local_stack import TODAY, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SLOW = 30_000
"""Milliseconds that the UI has to show something: it asks the server for each part."""
DAY = TODAY - timedelta(days=50)


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def flow_runs(stack):
    """The flow runs of a run whose report is made, by step."""
    run_id = stack.settled(stack.invoke(DAY).json()["run_id"])["run_id"]

    def reported():
        found = {step["step"]: step for step in stack.run(run_id)["steps"]}
        return found if found.get("report", {}).get("state") == "succeeded" else None

    steps = wait_for(reported, 120, f"the report of {run_id}")
    return {name: step["flow_run_id"] for name, step in steps.items()}


def artifact_page(stack, flow_run_id, key):
    wanted = {"artifacts": {"key": {"any_": [key]}, "flow_run_id": {"any_": [flow_run_id]}}}
    [found] = httpx.post(f"{stack.record.prefect_api}/artifacts/filter", json=wanted, timeout=30).json()
    return f"{stack.record.prefect_ui}/artifacts/artifact/{found['id']}"


def shows(watched, *texts):
    for text in texts:
        expect(watched.page.locator("body")).to_contain_text(text, timeout=SLOW)


def test_a_run_has_its_name_its_tags_and_what_it_has_made(browser, stack, flow_runs):
    address = f"{stack.record.prefect_ui}/runs/flow-run/{flow_runs['orchestrate']}"
    with opened(browser, address, height=1100) as watched:
        shows(watched, f"rfm {DAY}", "Completed")
        watched.page.get_by_text("Details", exact=True).last.click(timeout=SLOW)
        for tag in ("rfm", str(DAY), "orchestrator"):
            expect(watched.page.locator(f'.p-tag:text-is("{tag}")').first).to_be_visible(timeout=SLOW)
        watched.page.get_by_text("Artifacts", exact=True).last.click(timeout=SLOW)
        shows(watched, "segments", "data-quality", "picture-map-customers")
        keep(watched.page, "prefect-run")


def test_its_segments_are_a_table(browser, stack, flow_runs):
    with opened(browser, artifact_page(stack, flow_runs["orchestrate"], "segments")) as watched:
        shows(watched, "champions", "revenue share")
        keep(watched.page, "prefect-segments")


def test_its_report_is_a_link_that_leads_there(browser, stack, flow_runs):
    with opened(browser, artifact_page(stack, flow_runs["orchestrate"], "report")) as watched:
        link = watched.page.get_by_role("link", name=f"Report of {DAY}")
        expect(link).to_have_attribute("href", f"{stack.record.invoker}/report/{DAY}", timeout=SLOW)
        keep(watched.page, "prefect-report")
        watched.page.goto(link.get_attribute("href"))
        expect(watched.page.locator("section#segments")).to_be_visible()


def test_dbts_nodes_are_shown_one_by_one(browser, stack, flow_runs):
    with opened(browser, artifact_page(stack, flow_runs["features"], "dbt-nodes")) as watched:
        shows(watched, "rfm_features", "success")
        keep(watched.page, "prefect-dbt-nodes")
