"""The report beside the other files of its run: whole, of this run, and found in the manifest."""

import hashlib
import json
from datetime import date
from decimal import Decimal

import pytest

from reports.data import Report
from reports.page import page_of
from rfm.read_rules import rules_named
from tests.warehouse.given_features import RUN_DATE, WINDOW, given_features, given_request, given_warehouse
from workload.figures import Looks, NothingToReport, report_of
from workload.publish import publish
from workload.publish_report import publish_report, report_of_day
from workload.score import score

ROWS = [(f"c{number}", number, 1 + number % 7, Decimal(number)) for number in range(40)]
LOOKS = Looks()


@pytest.fixture
def warehouse(path):
    return given_warehouse(path)


@pytest.fixture
def published(tmp_path):
    return tmp_path / "published"


def report_anew(warehouse, published, run_date=None):
    return publish_report(report_of_day(warehouse, LOOKS, run_date), published)


def given_published(warehouse, path, published, rows=ROWS, attempt=1):
    request = given_features(path, rows, given_request(attempt=attempt))
    score(warehouse, request, rules_named("quintile"), window_days=WINDOW)
    publish(warehouse, request, published)
    return request.run_id


def test_page_and_data_stand_in_the_manifest_with_the_other_files(warehouse, path, published):
    run_id = given_published(warehouse, path, published)
    made = report_of(warehouse, run_id, LOOKS)
    page = publish_report(made, published)
    assert page == published / "rfm" / "2026-06-29" / "report.html"
    assert Report.model_validate_json((page.parent / "report.json").read_text()) == made
    manifest = json.loads((page.parent / "manifest.json").read_text())
    files = {file.name for file in page.parent.iterdir()}
    assert files == {*manifest["sha256"], "manifest.json"}
    for name, checksum in manifest["sha256"].items():
        assert hashlib.sha256((page.parent / name).read_bytes()).hexdigest() == checksum


def test_made_anew_it_is_the_same_to_the_byte(warehouse, path, published):
    given_published(warehouse, path, published)
    page = report_anew(warehouse, published)
    before = {file.name: file.read_bytes() for file in page.parent.iterdir()}
    assert report_anew(warehouse, published, RUN_DATE) == page
    assert {file.name: file.read_bytes() for file in page.parent.iterdir()} == before


def test_a_page_is_small_and_needs_nothing_else(warehouse, path, published):
    given_published(warehouse, path, published)
    page = report_anew(warehouse, published).read_text()
    assert len(page.encode()) < 2_000_000
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert "https://" not in page


def test_a_new_attempt_takes_the_old_report_away(warehouse, path, published):
    first = report_of(warehouse, given_published(warehouse, path, published), LOOKS)
    page = publish_report(first, published)
    given_published(warehouse, path, published, ROWS[:5], attempt=2)
    assert not page.exists()
    with pytest.raises(NothingToReport, match="the published files are those of rfm-2026-06-29-2"):
        publish_report(first, published)
    assert not page.exists()


def test_what_was_not_published_or_not_scored_gets_no_report(warehouse, path, published):
    with pytest.raises(NothingToReport, match="no day was; ask for a run first"):
        report_anew(warehouse, published)
    request = given_features(path, ROWS)
    score(warehouse, request, rules_named("quintile"), window_days=WINDOW)
    with pytest.raises(NothingToReport, match="has not been published"):
        report_anew(warehouse, published)
    with pytest.raises(NothingToReport, match="2020-01-01 has not been scored; the last day that was is 2026-06-29"):
        report_anew(warehouse, published, date(2020, 1, 1))


@pytest.mark.parametrize("rows", [[], ROWS[:1], [("only refunds", None, 0, "-1.00")]])
@pytest.mark.parametrize("rules", ["quintile", "tercile"])
def test_a_day_with_hardly_a_customer_has_a_page_too(warehouse, path, published, rows, rules):
    request = given_features(path, rows)
    score(warehouse, request, rules_named(rules), window_days=WINDOW)
    page = page_of(report_of(warehouse, request.run_id, LOOKS))
    assert "Data quality" in page
    assert ("No customer could be scored" in page) == (rows != ROWS[:1])
