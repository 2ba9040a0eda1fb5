"""Run dbt through prefect-dbt: each model and test is a task run in Prefect, while it runs.

prefect-dbt's runner, as it comes, takes nine times as long as dbt alone. It reads the project anew for
each run although it was given a parsed one, and it rebuilds the flow run's context from a serialized copy three
times for each node, which makes it import every installed Prefect collection. The two classes below give it the
parsed project and the context of this process instead (docs/adr/0006-dbt-and-prefect-dbt.md has the figures).
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import copy_context
from typing import Any
from uuid import UUID

import prefect_dbt.core.runner as prefect_runner
from dbt.cli.main import dbtRunner
from dbt_common.events.base_types import EventLevel
from prefect import Task
from prefect.task_engine import run_task_sync
from prefect_dbt import PrefectDbtRunner, PrefectDbtSettings
from prefect_dbt.core._tracker import NodeTaskTracker

from workload.sql import DBT_PROJECT
from workload.sql_messages import without_values

Callback = Callable[[Any], None]
STARTS_OR_ENDS = ("NodeStart", "NodeFinished")
NEVER_ENDED = {"node_info": {"node_status": "error"}}
END_WAIT = 30.0
"""Seconds; a task run ends at once when its node has."""


def run_in_prefect(parsed: Any, command: list[str]) -> Any:
    """Runs the dbt command on the parsed project, with a task run for each node under the current run.

    Gives dbt's own result, whether it worked or not. To be called in a flow or task run, once at a time.
    """
    tracker, dbt = Tracker(), Dbt(parsed)
    runner = Runner(
        manifest=parsed,
        settings=Settings(project_dir=DBT_PROJECT, profiles_dir=DBT_PROJECT, log_level=EventLevel.WARN),
        raise_on_failure=False,
        disable_assets=True,
    )
    with _stand_in(dbtRunner=dbt, NodeTaskTracker=lambda: tracker), _log_levels_kept():
        try:
            runner.invoke(command)
        except ValueError:
            # its text repeats the whole command; dbt's result has the cause
            if dbt.outcome is None:
                raise
        finally:
            tracker.end()
    return dbt.outcome


class Dbt:
    """Stands where prefect-dbt makes its dbtRunner: gives that the parsed project, and keeps its result.

    Of the log only warnings and errors about a node are passed on.
    """

    def __init__(self, parsed: Any) -> None:
        self.parsed = parsed
        self.outcome: Any = None

    def __call__(self, callbacks: list[Callback]) -> "Dbt":
        self.callbacks = [_of_nodes(callback) for callback in callbacks]
        return self

    def invoke(self, command: list[str]) -> Any:
        self.outcome = dbtRunner(manifest=self.parsed, callbacks=self.callbacks).invoke(command)
        return self.outcome


def _of_nodes(callback: Callback) -> Callback:
    def of_node(event: Any) -> None:
        if event.info.name in STARTS_OR_ENDS or getattr(event.data, "node_info", None):
            callback(event)

    return of_node


class Tracker(NodeTaskTracker):  # type: ignore[misc]
    """Runs the task of a node in the context of the run that called dbt, and knows when all have ended."""

    def __init__(self) -> None:
        super().__init__()
        self.context = copy_context()
        self.threads: dict[str, threading.Thread] = {}

    def run_task_in_thread(
        self,
        node_id: str,
        task: Task[Any, Any],
        task_run_id: UUID,
        parameters: dict[str, Any],
        context: dict[str, Any],  # noqa: ARG002
    ) -> None:
        upstream = [state for name in self.get_node_dependencies(node_id) if (state := self.get_task_result(name))]

        def run_task() -> None:
            state = run_task_sync(
                task, task_run_id=task_run_id, parameters=parameters, wait_for=upstream, return_type="state"
            )
            self.set_task_result(node_id, state)

        thread = threading.Thread(target=self.context.copy().run, args=(run_task,), name=node_id, daemon=True)
        self.threads[node_id] = thread
        thread.start()

    def end(self) -> None:
        """Waits until every task run has ended; the node of one that dbt left behind counts as failed."""
        for node_id in self.threads:
            if not self.is_node_complete(node_id):
                self.set_node_status(node_id, NEVER_ENDED, "")
        for thread in self.threads.values():
            thread.join(END_WAIT)


class Runner(PrefectDbtRunner):  # type: ignore[misc]
    @staticmethod
    def get_dbt_event_msg(event: Any) -> str:
        return without_values(event.info.msg)


class Settings(PrefectDbtSettings):  # type: ignore[misc]
    def resolve_profiles_yml(self) -> Any:
        """The profile as it is: it has no blocks or variables of Prefect in it."""
        return nullcontext(str(self.profiles_dir))


@contextmanager
def _stand_in(**parts: Any) -> Iterator[None]:
    """prefect-dbt's runner makes these parts itself, by the names they have in its module."""
    theirs = {name: getattr(prefect_runner, name) for name in parts}
    try:
        for name, part in parts.items():
            setattr(prefect_runner, name, part)
        yield
    finally:
        for name, part in theirs.items():
            setattr(prefect_runner, name, part)


@contextmanager
def _log_levels_kept() -> Iterator[None]:
    """prefect-dbt sets the level of Prefect's own loggers for good when it logs."""
    loggers = [logging.getLogger(f"prefect.{kind}_runs") for kind in ("flow", "task")]
    levels = [logger.level for logger in loggers]
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
