"""Runs dbt in this process, and tells in plain data what it did.

dbt reparses its whole project when a variable changes, and a run_date is a variable. So the project is parsed
without the run's variables, from dbt's own cache where nothing changed (0.1 s instead of 2 s), and the run gets
the parsed project. The cache is shared; everything else a run writes is in a folder of its own.
"""

import fcntl
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from errors import Permanent, Retryable
from settings import PROJECT
from warehouse.warehouse import WarehouseBusy
from workload.sql_messages import without_values

DBT_PROJECT = PROJECT / "dbt"
CONNECTION = (
    *("warehouse_path", "memory_limit", "connect_attempts", "schema", "production_schema"),
    *("warehouse_project", "warehouse_location", "warehouse_endpoint", "max_bytes_billed"),
    *("source_database", "source_schema", "source_table", "run_suffix"),
)
"""Variables that dbt needs to read the project. On DuckDB they are the same for all runs."""
BUSY = ("Could not set lock on file", "aborted due to concurrent", "Could not serialize access", "xceeded rate limits")
"""What DuckDB and BigQuery say when another writer was faster."""
FAILED = ("error", "fail", "runtime error")

Invoke = Callable[[Any, list[str]], Any]
"""Runs one dbt command line on a parsed project; gives dbt's own result, which tells whether it worked."""


class SqlFailed(Permanent):
    """dbt could not build a model; nothing of this run was published."""


class TestsFailed(Permanent):
    """The staged rows did not pass their tests; nothing of this run was published."""

    __test__ = False


class SourceChanged(Retryable):
    """The orders file was replaced while it was read; nothing of this run was published."""


@dataclass(frozen=True, slots=True)
class Node:
    """What dbt did with one model, test or hook. `message` never holds customer data."""

    name: str
    kind: str
    status: str
    seconds: float
    message: str

    @property
    def failed(self) -> bool:
        return self.status in FAILED


@dataclass(frozen=True, slots=True)
class Build:
    """One dbt build, in seconds of wall-clock time. `error` is what kept dbt from building at all."""

    run_id: str
    nodes: tuple[Node, ...]
    error: str
    parse_seconds: float
    build_seconds: float

    @property
    def failed(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.failed)

    @property
    def published(self) -> bool:
        return not self.failed and not self.error


def bare(parsed: Any, command: list[str]) -> Any:
    from dbt.cli.main import dbtRunner

    return dbtRunner(manifest=parsed).invoke([*command, "--log-level", "none"])


def watched(watch: Callable[[Node], object]) -> Invoke:
    """Like `bare`, and tells of each model and test as soon as it has ended."""

    def finished(event: Any) -> None:
        if event.info.name == "NodeFinished":
            told, result = event.data.node_info, event.data.run_result
            message, seconds = without_values(result.message), round(result.execution_time, 3)
            watch(Node(told.node_name, told.resource_type, told.node_status, seconds, message))

    def run(parsed: Any, command: list[str]) -> Any:
        from dbt.cli.main import dbtRunner

        return dbtRunner(manifest=parsed, callbacks=[finished]).invoke([*command, "--log-level", "none"])

    return run


def run_dbt(
    which: Sequence[str],
    variables: Mapping[str, Any],
    *,
    run_id: str,
    work_folder: Path,
    target: str = "duckdb",
    by: Invoke = bare,
) -> Build:
    """Builds and tests in the order of the graph; a failed test stops what stands on it.

    `which` are dbt's words for what to build, such as `--selector rfm`; all of it without.

    Under `work_folder` stay the parse cache, and of a failed run its compiled SQL. The answer tells whether it
    worked: `require_published` makes an error of it. Raises SqlFailed when the project cannot be parsed.
    """
    run_folder = work_folder / "runs" / run_id
    started = time.perf_counter()
    parsed = parse(variables, work_folder, target)
    parse_seconds = time.perf_counter() - started
    words = ["build", *which, "--no-write-json"]
    outcome = invoke(words, parsed, variables, run_folder, target=target, by=by)
    build = Build(
        run_id=run_id,
        nodes=_nodes(outcome.result),
        error="" if outcome.exception is None else without_values(str(outcome.exception)),
        parse_seconds=parse_seconds,
        build_seconds=time.perf_counter() - started - parse_seconds,
    )
    if build.published:
        shutil.rmtree(run_folder, ignore_errors=True)
    return build


def require_published(build: Build) -> None:
    """Raises SqlFailed, TestsFailed, SourceChanged or WarehouseBusy with the names of the nodes."""
    if build.published:
        return
    told = "; ".join([f"{node.kind} {node.name}: {node.message}" for node in build.failed] or [build.error])
    text = f"run {build.run_id} published nothing: {told}"
    if any(sign in told for sign in BUSY):
        raise WarehouseBusy(text)
    if any(node.name == "source_is_unchanged" for node in build.failed):
        raise SourceChanged(f"run {build.run_id} published nothing: the orders file changed while it was read")
    if any(node.name == "enough_lines_are_accepted" and node.status == "fail" for node in build.failed):
        raise TestsFailed(
            f"run {build.run_id} published nothing: more of the order lines were rejected than SOURCE_MAX_REJECTED"
            " allows. rejected_orders in the warehouse says which, and why; when that is right, raise the setting"
        )
    if build.failed and all(node.kind == "test" and node.status == "fail" for node in build.failed):
        raise TestsFailed(f"{text}. Look at rfm_features_run and order_intake in the warehouse")
    raise SqlFailed(f"{text}. The compiled SQL is in dbt/runs/{build.run_id} of the stack's folder")


def parse(variables: Mapping[str, Any], work_folder: Path, target: str = "duckdb") -> Any:
    """The parsed project, dbt's manifest; of the variables only the connection's are used. Raises SqlFailed."""
    connection = {name: variables[name] for name in CONNECTION if name in variables}
    folder = work_folder / "parsed" / target / str(variables.get("schema", "main"))
    with _alone(folder):
        outcome = bare(None, _command(["parse", "--no-write-json"], connection, folder, target))
    if outcome.exception is not None:
        raise SqlFailed(f"the dbt project cannot be parsed: {without_values(str(outcome.exception))}")
    return outcome.result


def invoke(
    words: list[str],
    parsed: Any,
    variables: Mapping[str, Any],
    folder: Path,
    *,
    target: str = "duckdb",
    by: Invoke = bare,
) -> Any:
    """Any dbt command on the parsed project; what it writes goes to the folder. Returns dbt's own result."""
    try:
        return by(parsed, _command(words, variables, folder, target))
    finally:
        _release_warehouse()


def _command(words: list[str], variables: Mapping[str, Any], folder: Path, target: str) -> list[str]:
    return [
        *words,
        *("--project-dir", str(DBT_PROJECT)),
        *("--profiles-dir", str(DBT_PROJECT)),
        *("--target", target),
        *("--target-path", str(folder)),
        *("--vars", json.dumps(dict(variables))),
        # dbt's log repeats error messages as they are, with the data in them
        *("--log-level-file", "none", "--log-path", str(folder)),
        *("--no-send-anonymous-usage-stats", "--no-version-check"),
    ]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time; the lock goes with the process that holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _release_warehouse() -> None:
    """dbt-duckdb keeps the file open for the next command in this process; others need it now."""
    if "dbt.adapters.duckdb" not in sys.modules:
        return
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


def _nodes(result: Any) -> tuple[Node, ...]:
    return tuple(
        Node(
            name=found.node.name,
            kind=str(found.node.resource_type),
            status=str(found.status),
            seconds=round(found.execution_time, 3),
            message=without_values(found.message or ""),
        )
        for found in getattr(result, "results", ())
    )
