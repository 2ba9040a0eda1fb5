"""The documentation builds without a broken link, says what the code says, and loads nothing from other hosts."""

import os
import re
import subprocess
import sys

import pytest

from deployments.site.links import with_code_named
from rfm.read_rules import rules_named
from settings import PROJECT

LOADED = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=["']?(https?://[^"'\s>]+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=PROJECT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_no_page_loads_anything_from_another_host(site):
    pages = list(site.rglob("*.html"))

    assert len(pages) > 30
    assert {page.name: LOADED.findall(page.read_text()) for page in pages if LOADED.search(page.read_text())} == {}


def test_every_diagram_is_a_picture(site):
    """One in words would be drawn by a script from another host, or not at all (docs/adr/0028)."""
    written = [page for page in (PROJECT / "docs").rglob("*.md") if "```mermaid" in page.read_text()]

    assert [*written, *(page for page in site.rglob("*.html") if "language-mermaid" in page.read_text())] == []


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("settings", "WAREHOUSE_LOCK_WAIT"),
        ("settings", "one of <code>none</code>, <code>google</code>, <code>cloud-run</code>"),
        ("messages", "requested_by"),
        ("api", "GET /customers/{customer_id}/explain"),
        ("api", 'Body: <a href="#byvalues">ByValues</a> or <a href="#byorders">ByOrders</a>'),
        ("tables", "rfm_rejected"),
        ("tables", "segment_migration"),
        ("commands", "make dead-letters"),
        ("promises", "Equal values always get equal scores"),
    ],
)
def test_the_reference_is_made_from_the_code(site, page, says):
    assert says in (site / "reference" / f"{page}.html").read_text()


def test_each_segment_that_ships_is_explained_to_marketers():
    page = (PROJECT / "docs" / "rfm-for-marketers.md").read_text()

    explained = re.findall(r"^### (.+)$", page, re.MULTILINE)
    assert explained == [segment.name for segment in rules_named("quintile").segments]


def test_the_map_for_marketers_is_that_of_the_rules():
    page = (PROJECT / "docs" / "rfm-for-marketers.md").read_text()
    rows = re.findall(r"^\| \*\*(\d)\*\*[^|]*\| (.+) \|$", page, re.MULTILINE)
    shown = {
        (recency, int(frequency)): segment
        for frequency, cells in rows
        for recency, segment in enumerate(cells.split(" | "), start=1)
    }

    ships = {
        (recency, frequency): segment.name
        for segment in rules_named("quintile").segments
        for cell in segment.cells
        for recency in cell.recency
        for frequency in cell.frequency
    }
    assert shown == ships


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("see [prefect.yaml](../prefect.yaml)", "see `prefect.yaml`"),
        ("the [deployments](../prefect.yaml) of it", "the deployments (`prefect.yaml`) of it"),
        ("[decisions](./adr/)", "[decisions](./adr/index.md)"),
        ("[the web](https://example.com/)", "[the web](https://example.com/)"),
    ],
)
def test_files_of_the_project_are_named_where_they_cannot_be_followed(written, shown):
    assert with_code_named(written, "operations.md") == shown


def test_a_link_to_a_file_that_is_gone_is_a_warning(caplog):
    with_code_named("[gone](../gone.py)", "operations.md")

    assert "operations.md links to ../gone.py, which is not there" in caplog.text
