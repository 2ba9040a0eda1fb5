"""`make dbt-run`: builds the project in the schema of the one who edits it, and shows each node as it ends."""

from collections import Counter
from datetime import date

from rich.console import Console
from rich.markup import escape

from settings import Settings, Warehouse
from workload.features import PRODUCTION, build_by_hand
from workload.sql import Node, require_published, watched

COLOURS = {"success": "green", "pass": "green", "warn": "yellow", "skipped": "dim", "no-op": "dim"}


def build(run_date: date, settings: Settings, console: Console, *, full_refresh: bool) -> None:
    """Raises what workload.features.build_by_hand and workload.sql.require_published raise."""
    schema = settings.dbt.user
    whose = "the production tables" if schema == PRODUCTION else f"schema {schema}"
    console.print(f"dbt build as of {run_date} in {whose} of {_where(settings.warehouse)}")
    if settings.warehouse.kind != "duckdb":
        console.print("Unit tests are left out: their rows are DuckDB's SQL")
    if full_refresh:
        console.print("FULL_REFRESH: rfm_features is made anew and keeps no other run_date")
    done = build_by_hand(run_date, settings, full_refresh=full_refresh, by=watched(lambda node: _show(node, console)))
    counts = Counter(node.status for node in done.nodes)
    told = ", ".join(f"{count} {status}" for status, count in counts.items())
    console.print(f"{len(done.nodes)} nodes in {done.build_seconds:.1f} s (read in {done.parse_seconds:.1f} s): {told}")
    require_published(done)


def _where(warehouse: Warehouse) -> str:
    return f"{warehouse.project}.{warehouse.dataset}" if warehouse.kind == "bigquery" else str(warehouse.path)


def _show(node: Node, console: Console) -> None:
    colour = COLOURS.get(node.status, "red")
    console.print(f"[{colour}]{node.status:<8}[/] {node.seconds:6.2f} s  {node.kind.replace('_', ' '):<9} {node.name}")
    if colour in ("red", "yellow"):
        console.print(f"                    {escape(node.message)}")
