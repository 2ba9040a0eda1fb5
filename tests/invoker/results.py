"""An invoker on published results, without a run that has made them."""

from datetime import timedelta

from invoker.app import create_app
from settings import Published
from tests.invoker.parts import settings_for
from tests.snapshot.given_snapshots import CUSTOMERS, RUN_DATE, given_snapshot

BEFORE = RUN_DATE - timedelta(days=7)
LEFT = "left after the first date"
REFUNDS = "only refunds"
ODD = "a/b ☃ 100%"
"""An id with everything that an address takes for something else."""


def with_results(folder, prefect, **invoker):
    """Settings of an invoker that can be asked about two run_dates, with a report of the newer one."""
    published = folder / "published"
    given_snapshot(published, CUSTOMERS | {LEFT: (600, 1, "9.00")}, run_date=BEFORE)
    given_snapshot(published, CUSTOMERS | {ODD: (1, 9, "99.99")}, rejected={REFUNDS: "no_positive_order"})
    report = published / "rfm" / str(RUN_DATE)
    report.mkdir(parents=True)
    (report / "report.html").write_text("<!doctype html><title>Report</title><h1>Report</h1>")
    (report / "report.json").write_text('{"customers": 31}')
    return settings_for(folder, prefect, pull=False, **invoker).model_copy(
        update={"published": Published(path=published)}
    )


def app_with_results(folder, prefect, **invoker):
    return create_app(with_results(folder, prefect, **invoker))
