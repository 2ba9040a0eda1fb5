"""Rows of the tables that Python owns, as both adapters read them."""

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from warehouse.warehouse import LedgerRow

LEDGER = "run_id, pipeline, step, run_date, attempt, flow_run_id, facts, committed_at"
MODEL = "model_id, rules, edges, definition, fitted_on, customers, run_id"


def ledger_row(columns: Sequence[Any]) -> LedgerRow:
    """`columns` in the order of LEDGER. A moment without a zone is UTC, which is how DuckDB keeps it."""
    run_id, pipeline, step, run_date, attempt, flow_run_id, facts, committed_at = columns
    return LedgerRow(
        run_id=run_id,
        pipeline=pipeline,
        step=step,
        run_date=run_date,
        attempt=attempt,
        flow_run_id=flow_run_id,
        facts=json.loads(facts),
        committed_at=committed_at if committed_at.tzinfo else committed_at.replace(tzinfo=UTC),
    )
