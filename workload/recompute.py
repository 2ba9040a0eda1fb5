"""Recompute: which scored dates would come out otherwise, because orders came late or were corrected."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from warehouse.warehouse import ChangedFeatures, LedgerRow, Warehouse
from workload.score import FEATURES_STEP, window_of
from workload.source import WrongSource

CLOCKS_DIFFER = 2.0
"""Seconds by which a file system's clock may be behind the one of the ledger."""


def touched_dates(warehouse: Warehouse, orders: Path) -> Sequence[ChangedFeatures]:
    """The scored dates whose values the orders file gives otherwise now, in order.

    Only dates whose features are older than the file are computed anew, each with the window of its run. Orders
    are judged by the rules of the last run of the step features. Raises WrongSource, and what the warehouse raises.
    """
    replaced = replaced_at(orders)
    older = {
        row.run_date: window_of(row)
        for row in warehouse.scored_days()
        if read_at(warehouse, row).timestamp() < replaced.timestamp() + CLOCKS_DIFFER
    }
    return warehouse.changed_features(older) if older else []


def read_at(warehouse: Warehouse, scored: LedgerRow) -> datetime:
    """When the run had read the orders: its features were committed then, and it stops when they change meanwhile."""
    features = warehouse.ledger_row(str(scored.facts.get("features_run", scored.run_id)), FEATURES_STEP)
    return (features or scored).committed_at


def replaced_at(orders: Path) -> datetime:
    """When the file came to stand there: a copy or an unpacked archive can keep an old time of change."""
    try:
        found = orders.stat()
    except OSError as error:
        raise WrongSource(f"orders file {orders} cannot be read ({error.strerror}); set SOURCE_PATH to it") from None
    return datetime.fromtimestamp(max(found.st_mtime, found.st_ctime), tz=UTC)
