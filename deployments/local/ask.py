"""Asks the invoker for a run as any user would, over HTTP, and follows it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from errors import Permanent
from invoker.models import Answer, RunView
from pipelines import find_pipeline

ASK_AGAIN = 0.1
UNREACHABLE_FOR = 30.0
"""Seconds without an answer after which the invoker is taken for gone; its supervisor restarts it sooner."""

FINAL = ("succeeded", "failed")
SETTLES_WITHIN = 10.0
AFTERWARDS_WITHIN = 60.0
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


class Refused(Permanent):
    """The invoker did not accept the request; nothing was started."""


class InvokerGone(Permanent):
    """The invoker does not answer."""


def ask(invoker: str, run_date: str, *, force: bool) -> tuple[Answer, bool]:
    """The run that answers, and whether it is a new one. Raises Refused with the invoker's own words, InvokerGone."""
    body = {"run_date": run_date, "force": force}
    try:
        answer = httpx.post(f"{invoker}/invoke", json=body, timeout=30)
    except httpx.TransportError as error:
        raise InvokerGone(f"the invoker at {invoker} does not answer: {error}") from None
    if not answer.is_success:
        raise Refused(_words(answer))
    return Answer.model_validate_json(answer.content), answer.status_code == httpx.codes.ACCEPTED


def _words(answer: httpx.Response) -> str:
    try:
        problem: dict[str, Any] = answer.json()
    except ValueError:
        return f"the invoker answered {answer.status_code}"
    wrong = [f"{error['field']}: {error['message']}" for error in problem.get("errors") or []]
    return "; ".join(wrong) or str(problem.get("detail", f"the invoker answered {answer.status_code}"))


def follow(invoker: str, run_id: str, check: Callable[[], None]) -> Iterator[RunView]:
    """The run again and again until its state is final; the attempt that goes on where it failed, after it.

    `check` may raise to end it. Raises InvokerGone.
    """
    seen = time.monotonic()
    with httpx.Client(base_url=invoker, timeout=10) as client:
        while True:
            check()
            try:
                answer = client.get(f"/runs/{run_id}")
            except httpx.TransportError:
                answer = None
            if answer is not None and answer.is_success:
                seen = time.monotonic()
                run = RunView.model_validate_json(answer.content)
                yield run
                if run.continued_by is not None:
                    run_id = run.continued_by
                elif run.state in FINAL:
                    return
            elif time.monotonic() - seen > UNREACHABLE_FOR:
                raise InvokerGone(f"the invoker at {invoker} has not answered for {UNREACHABLE_FOR:.0f} s")
            time.sleep(ASK_AGAIN)


def follow_afterwards(invoker: str, run: RunView) -> RunView:
    """The confirmed run once all that follows it has ended, or after AFTERWARDS_WITHIN seconds. Raises InvokerGone."""
    wanted = {one.name for one in find_pipeline(run.pipeline).afterwards}
    deadline = time.monotonic() + AFTERWARDS_WITHIN
    while time.monotonic() < deadline and wanted - {step.step for step in run.steps if step.state in FINAL}:
        time.sleep(ASK_AGAIN)
        [*_, run] = follow(invoker, run.run_id, lambda: None)
    return run


def settle(prefect_api: str, run: RunView) -> None:
    """Waits until Prefect has heard that the run's processes are done: a flow reports before it ends.

    Ended under it, a confirmed run would stand there as crashed.
    """
    wanted = {"flow_runs": {"id": {"any_": [step.flow_run_id for step in run.steps if step.flow_run_id]}}}
    deadline = time.monotonic() + SETTLES_WITHIN
    while time.monotonic() < deadline:
        try:
            found = httpx.post(f"{prefect_api}/flow_runs/filter", json=wanted, timeout=10)
        except httpx.TransportError:
            return
        if found.is_success and all(flow_run["state_type"] in ENDED for flow_run in found.json()):
            return
        time.sleep(ASK_AGAIN)
