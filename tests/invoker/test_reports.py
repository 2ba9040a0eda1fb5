"""GET /report: what a report may do in a browser, and that it is answered whole while runs publish others."""

import threading

import pytest

from tests.invoker.parts import client_of
from tests.invoker.results import app_with_results
from tests.snapshot.given_snapshots import RUN_DATE

REPORTS = {"short": b"<h1>short</h1>", "long": b"<h1>long</h1>" * 10_000}


@pytest.fixture
def client(tmp_path, prefect):
    with client_of(app_with_results(tmp_path, prefect)) as client:
        yield client


@pytest.fixture
def publishing(tmp_path, client):
    """Another report is published in the place of the one before, or that is taken away, all the time."""
    place = tmp_path / "published" / "rfm" / str(RUN_DATE) / "report.html"
    done = threading.Event()

    def publish():
        while not done.is_set():
            for name, content in REPORTS.items():
                beside = place.with_name(name)
                beside.write_bytes(content)
                beside.replace(place)
            place.unlink()

    publishing = threading.Thread(target=publish)
    publishing.start()
    yield
    done.set()
    publishing.join()


def test_a_report_may_run_no_script(client):
    policy = client.get(f"/report/{RUN_DATE}").headers["content-security-policy"]

    assert "script-src" not in policy
    assert "default-src 'none'" in policy


def test_a_report_is_answered_whole_or_not_at_all_while_others_are_published(client, publishing):
    answers = [client.get(f"/report/{RUN_DATE}") for _ in range(200)]

    assert {answer.status_code for answer in answers} <= {200, 404}
    assert {answer.content for answer in answers if answer.status_code == 200} <= set(REPORTS.values())
