"""`make docs`: dbt's documentation of models, columns, tests and lineage, served on loopback."""

import json
from datetime import date
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from rich.console import Console

from deployments.local.ports import LOOPBACK, choose_port
from deployments.sql.lineage import join_what_python_writes
from settings import Settings
from workload.features import by_hand_variables
from workload.sql import SqlFailed, invoke, parse
from workload.sql_messages import without_values

ANY_DAY = date(1998, 6, 30)
"""The run_date in the compiled SQL that is shown, when none is asked for."""


def generate(settings: Settings, run_date: date | None) -> Path:
    """Writes the pages and returns their folder. Column types are those of the tables that were built."""
    folder = settings.stack.path / "dbt" / "docs"
    variables = by_hand_variables(run_date or ANY_DAY, settings)
    target = settings.warehouse.kind
    parsed = parse(variables, settings.stack.path / "dbt", target)
    outcome = invoke(["docs", "generate"], parsed, variables, folder, target=target)
    if not outcome.success:
        said = outcome.exception or "; ".join(getattr(outcome.result, "errors", None) or [])
        raise SqlFailed(f"the documentation could not be made: {without_values(str(said))}")
    manifest = folder / "manifest.json"
    documented = json.loads(manifest.read_text())
    join_what_python_writes(documented)
    manifest.write_text(json.dumps(documented))
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing: the terminal shows where the pages are."""


def server_of(folder: Path, wanted: int, console: Console) -> ThreadingHTTPServer:
    """Another free port is taken, and said, when `wanted` is not free."""
    port = choose_port(wanted)
    if wanted and port != wanted:
        console.print(f"Port {wanted} is taken by another process (the invoker of a running stack?): using {port}.")
    return ThreadingHTTPServer((LOOPBACK, port), partial(Quiet, directory=str(folder)))


def serve(folder: Path, wanted: int, console: Console) -> None:
    """Until Ctrl-C."""
    with server_of(folder, wanted, console) as server:
        console.print(f"dbt docs   http://{LOOPBACK}:{server.server_port}/#!/overview?g_v=1   (Ctrl-C ends it)")
        server.serve_forever()
