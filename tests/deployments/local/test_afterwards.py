"""`make run` waits for the report of a confirmed run, since the stack may end with the command; not for ever."""

import io
import time
from contextlib import closing
from datetime import date
from types import SimpleNamespace

import pytest
from rich.console import Console

from deployments.local import ask
from deployments.local import run as run_module
from invoker.app import create_app
from invoker.models import RunView
from messenger.contract import ORCHESTRATE, Failure
from register.sqlite import SqliteRegister
from settings import Published
from tests.invoker.given_runs import ask_for, tell
from tests.invoker.parts import client_of, logging_as_before, prefect, settings_for  # noqa: F401

DAY = date(1998, 6, 30)
FAILED = Failure(type="OSError", message="no room")


@pytest.fixture
def stack(tmp_path, prefect, monkeypatch):  # noqa: F811
    """A confirmed run. `then` is what is told of its report, one thing at each pause of who waits."""
    settings = settings_for(tmp_path, prefect, pull=False).model_copy(
        update={"published": Published(path=tmp_path / "published")}
    )
    then = []

    def pause(_):
        if then:
            tell(register, DAY, "report", *then.pop(0))

    monkeypatch.setattr(ask, "time", SimpleNamespace(monotonic=time.monotonic, sleep=pause))
    with client_of(create_app(settings)) as client, closing(SqliteRegister(settings.runs.path)) as register:
        ask_for(register, DAY)
        for step in ("features", "scoring", ORCHESTRATE):
            tell(register, DAY, step, "succeeded")
        run = RunView.model_validate_json(client.get(f"/runs/rfm-{DAY}-1").content)
        yield SimpleNamespace(settings=settings, invoker=str(client.base_url), run=run, then=then)


def states(run):
    return {step.step: step.state for step in run.steps}


@pytest.mark.parametrize("end", [("succeeded",), ("failed", FAILED)])
def test_the_report_is_waited_for_until_it_has_ended(stack, end):
    stack.then.extend([("started",), end])

    assert states(ask.follow_afterwards(stack.invoker, stack.run))["report"] == end[0]


def test_a_report_of_which_nothing_is_heard_is_not_waited_for_without_end(stack, monkeypatch):
    monkeypatch.setattr(ask, "AFTERWARDS_WITHIN", 0.2)

    assert "report" not in states(ask.follow_afterwards(stack.invoker, stack.run))


@pytest.mark.parametrize(
    ("page", "said"), [("<h1>Report</h1>", "/report.html"), (None, "was not made; make report makes it anew. Logs: ")]
)
def test_it_is_said_where_the_report_is_or_that_there_is_none(stack, page, said):
    stack.then.append(("failed", FAILED) if page is None else ("succeeded",))
    if page is not None:
        folder = stack.settings.published.path / "rfm" / str(DAY)
        folder.mkdir(parents=True)
        (folder / "report.html").write_text(page)
    output = io.StringIO()
    record = SimpleNamespace(invoker=stack.invoker, logs="/stack/logs")

    run_module._show_afterwards(stack.settings, record, stack.run, Console(file=output, width=200))

    assert output.getvalue().startswith("Report       ")
    assert said in output.getvalue()
