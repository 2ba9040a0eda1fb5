import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from deployments.local.show import Progress, failed_step, segment_table
from invoker.models import RunView, StepView
from messenger.contract import Failure

START = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def run_of(state: str, **steps: tuple[str, float]) -> RunView:
    news = [
        StepView(
            step=name,
            state=step_state,
            at=START + timedelta(seconds=seconds),
            facts={},
            error=Failure(type="Permanent", message="the file is gone") if step_state == "failed" else None,
            flow_run_id=None,
        )
        for name, (step_state, seconds) in steps.items()
    ]
    return RunView(
        run_id="rfm-2026-11-22-1",
        pipeline="rfm",
        run_date="2026-11-22",
        attempt=1,
        state=state,
        parameters={},
        requested_by="test",
        requested_at=START,
        error=next((one.error for one in news if one.error), None),
        steps=news,
    )


def printed(*views: RunView) -> list[str]:
    output = io.StringIO()
    progress = Progress(Console(file=output, width=80))
    for view in views:
        progress.show(view)
    return output.getvalue().splitlines()


def test_each_milestone_is_printed_once_with_its_time():
    lines = printed(
        run_of("requested"),
        run_of("started", orchestrate=("started", 1.2)),
        run_of("started", orchestrate=("started", 1.2), features=("started", 1.5)),
        run_of("started", orchestrate=("started", 1.2), features=("succeeded", 4.0)),
        run_of("succeeded", orchestrate=("succeeded", 6.5), features=("succeeded", 4.0), scoring=("succeeded", 6.0)),
    )

    assert [line.split()[:2] for line in lines] == [
        ["requested", "0.0"],
        ["dispatched", "1.2"],
        ["features", "4.0"],
        ["scoring", "6.0"],
        ["confirmed", "6.5"],
    ]


def test_a_run_that_is_not_confirmed_never_looks_so():
    lines = printed(run_of("failed", orchestrate=("failed", 3.0), features=("failed", 2.0)))

    assert not any("confirmed" in line or "features" in line for line in lines)


def test_a_failure_names_the_step_and_why():
    run = run_of("failed", orchestrate=("failed", 3.0), features=("failed", 2.0))

    assert failed_step(run) == "step features: Permanent: the file is gone"


def test_the_segments_fit_into_eighty_columns_of_a_log():
    row = {
        "segment": "potential loyalist",
        "customers": 12_345_678,
        "share": 0.175,
        "orders": 23_456,
        "revenue": 1_295_250.5,
        "median_recency": 1200,
        "median_frequency": 6.0,
        "median_monetary": 1189.33,
    }
    output = io.StringIO()

    Console(file=output, width=80).print(segment_table("rfm-2026-11-22-1", [row]))

    line = next(line for line in output.getvalue().splitlines() if line.startswith("potential"))
    assert line.split() == [
        "potential",
        "loyalist",
        "12,345,678",
        "17.5%",
        "23,456",
        "1,295,250",
        "1,200",
        "6.0",
        "1,189.33",
    ]
