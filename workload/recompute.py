"""Recompute: which scored dates would come out otherwise, because orders came late or were corrected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from settings import Settings
from warehouse.warehouse import ChangedFeatures, LedgerRow, Warehouse
from wiring import open_orders_table
from workload.models import TooOld, window_of
from workload.score import FEATURES_STEP
from workload.source import WrongSource, check_table

CLOCKS_DIFFER = 2.0
"""Seconds by which a file system's clock may be behind the one of the ledger."""


@dataclass(frozen=True, slots=True)
class Touched:
    """`too_old` are dates that an older version of the program has scored, which did not keep their window: nobody
    can tell whether they would come out otherwise."""

    changed: Sequence[ChangedFeatures]
    too_old: Sequence[date]


def touched_dates(warehouse: Warehouse, replaced: datetime) -> Touched:
    """The scored dates whose values the orders give otherwise now, in order; `replaced`: since when they stand there.

    Only dates whose features are older than the orders are computed anew, each with the window of its run. Orders
    are judged by the rules of the last run of the step features. Raises what the warehouse raises.
    """
    windows: dict[date, int] = {}
    too_old: list[date] = []
    for row in warehouse.scored_days():
        if read_at(warehouse, row).timestamp() >= replaced.timestamp() + CLOCKS_DIFFER:
            continue
        try:
            windows[row.run_date] = window_of(row)
        except TooOld:
            too_old.append(row.run_date)
    return Touched(warehouse.changed_features(windows) if windows else [], too_old)


def read_at(warehouse: Warehouse, scored: LedgerRow) -> datetime:
    """When the run had read the orders: its features were committed then, and it stops when they change meanwhile."""
    features = warehouse.ledger_row(str(scored.facts.get("features_run", scored.run_id)), FEATURES_STEP)
    return (features or scored).committed_at


def orders_replaced_at(settings: Settings) -> datetime:
    """Since when the orders of the settings, file or table, are as they are. Raises WrongSource."""
    if settings.warehouse.kind == "bigquery":
        return check_table(open_orders_table(settings), settings.source).changed_at
    return replaced_at(settings.source.path)


def replaced_at(orders: Path) -> datetime:
    """When the file came to stand there: a copy or an unpacked archive can keep an old time of change."""
    try:
        found = orders.stat()
    except OSError as error:
        raise WrongSource(f"orders file {orders} cannot be read ({error.strerror}); set SOURCE_PATH to it") from None
    return datetime.fromtimestamp(max(found.st_mtime, found.st_ctime), tz=UTC)
