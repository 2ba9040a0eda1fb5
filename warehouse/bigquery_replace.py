"""The commit of the scoring step in BigQuery: one multi-statement transaction that replaces a run_date, or nothing.

All statements go to BigQuery as one script: once it has arrived, it is carried out as a whole or not at all,
whatever becomes of the process that sent it. A failed check is an error inside the transaction, which ends it.
"""

import json
import random
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from warehouse.bigquery_errors import CheckFailed
from warehouse.bigquery_place import Labels, Place
from warehouse.bigquery_staging import staged_tables
from warehouse.tables import TABLES
from warehouse.warehouse import CLOSED, LedgerRow, RunClosed, ScoresRefused, Staging, StoredModel, WarehouseBusy

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds between two tries, when another writer was faster."""
SqlValue = str | int | date | datetime | None


def replace_scores(
    place: Place,
    staged: Staging,
    ledger: LedgerRow,
    *,
    features_run: str,
    model_id: str | None,
    fitted: StoredModel | None,
) -> None:
    labels = _labels(ledger)
    files = {"rfm_scores": staged.scores, "rfm_rejected": staged.rejected}
    with staged_tables(place, ledger.run_id, files, labels) as tables:
        statements = [
            refuse_closed(ledger.run_id),
            check(tables, ledger, features_run),
            *replace_rows(tables, ledger, model_id),
            *(store_model(fitted, ledger) if fitted is not None else []),
            *write_ledger(ledger),
        ]
        try:
            _commit(place, statements, labels)
        except CheckFailed as failed:
            raise _refused(place, failed, ledger) from None


def close_run(place: Place, closing: LedgerRow) -> None:
    """A merge changes the ledger as a whole: BigQuery carries it out before or after a step's commit, and never
    beside one. A row that is there stays."""
    values = ledger_values(closing)
    row = ", ".join(f"{literal(value)} as {name}" for name, value in values.items())
    columns = ", ".join(values)
    merge = f"""
    merge into run_ledger using (select {row}) as closing
    on run_ledger.run_id = closing.run_id and run_ledger.step = closing.step
    when not matched then insert ({columns}) values ({columns})
    """  # noqa: S608
    _commit(place, [merge], _labels(closing))


def note_published(place: Place, published: LedgerRow) -> None:
    try:
        _commit(place, [refuse_closed(published.run_id), *write_ledger(published)], _labels(published))
    except CheckFailed as failed:
        raise _refused(place, failed, published) from None


def _labels(row: LedgerRow) -> Labels:
    return {"pipeline": row.pipeline, "step": row.step, "run_id": row.run_id}


def _commit(place: Place, statements: Sequence[str], labels: Labels) -> None:
    """BigQuery ends one of two transactions that change the same table at once: that one waits its turn."""
    script = ";\n".join(["begin transaction", *statements, "commit transaction"]) + ";"
    give_up, pause = time.monotonic() + place.patience, FIRST_PAUSE
    while True:
        try:
            place.script(script, labels=labels)
            return
        except WarehouseBusy:
            if time.monotonic() + pause > give_up:
                raise
        time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE)


def refuse_closed(run_id: str) -> str:
    return f"""
    select case when count(*) > 0 then error('rfm-refused:closed:0:0') else 'open' end as checked
    from run_ledger where run_id = {literal(run_id)} and step = {literal(CLOSED)}
    """  # noqa: S608


def check(tables: Mapping[str, str], ledger: LedgerRow, features_run: str) -> str:
    """Nothing lost, nothing doubled, nobody's features replaced meanwhile: else an error with what was counted."""
    return f"""
    select case
        when came_in.foreign_rows > 0 then error('rfm-refused:features:0:0')
        when staged.named <> staged.customers
        then error(format('rfm-refused:doubled:%d:0', staged.named - staged.customers))
        when
            came_in.total <> staged.total
            or came_in.recency is distinct from staged.recency
            or came_in.frequency is distinct from staged.frequency
            or came_in.monetary is distinct from staged.monetary
        then error(format('rfm-refused:sums:%d:%d', came_in.total, staged.total))
        else 'adds up'
    end as checked
    from
        (
            select
                countif(run_id is distinct from {literal(features_run)}) as foreign_rows, count(*) as total,
                sum(recency) as recency, sum(frequency) as frequency, sum(monetary) as monetary
            from rfm_features where run_date = {literal(ledger.run_date)}
        ) as came_in
        cross join (
            select
                count(nullif(customer_id, '')) as named, count(distinct nullif(customer_id, '')) as customers,
                count(*) as total, sum(recency) as recency, sum(frequency) as frequency, sum(monetary) as monetary
            from (
                select customer_id, recency, frequency, monetary from {tables["rfm_scores"]}
                union all
                select customer_id, recency, frequency, monetary from {tables["rfm_rejected"]}
            ) as both_tables
        ) as staged
    """  # noqa: S608


def _refused(place: Place, failed: CheckFailed, ledger: LedgerRow) -> ScoresRefused | RunClosed:
    if failed.check == "closed":
        [(facts,)] = place.rows(
            "select facts from run_ledger where run_id = @run_id and step = @step",
            {"run_id": ledger.run_id, "step": CLOSED},
        )
        reason = json.loads(facts).get("reason")
        return RunClosed(f"run {ledger.run_id} was closed before its commit, nothing was committed: {reason}")
    said = {
        "features": f"another run has replaced the features of {ledger.run_date} meanwhile",
        "doubled": f"{failed.first} customers stand in the features more than once",
        "sums": f"{failed.first} features came in and {failed.second} are scored or rejected, or their sums differ",
    }
    return ScoresRefused(f"run {ledger.run_id}: {said[failed.check]}")


def replace_rows(tables: Mapping[str, str], ledger: LedgerRow, model_id: str | None) -> list[str]:
    added: Mapping[str, SqlValue] = {"run_date": ledger.run_date, "model_id": model_id, "run_id": ledger.run_id}
    statements = []
    for table, staging in tables.items():
        columns = list(TABLES[table])
        values = ", ".join(literal(added[name]) if name in added else name for name in columns)
        statements += [
            f"delete from {table} where run_date = {literal(ledger.run_date)}",  # noqa: S608
            f"insert into {table} ({', '.join(columns)}) select {values} from {staging}",  # noqa: S608
        ]
    return statements


def store_model(model: StoredModel, ledger: LedgerRow) -> list[str]:
    values: dict[str, SqlValue] = {
        "model_id": model.model_id,
        "rules": model.rules,
        "edges": model.edges,
        "definition": model.definition,
        "fitted_on": model.fitted_on,
        "customers": model.customers,
        "run_id": model.run_id,
        "fitted_at": ledger.committed_at,
    }
    return [f"delete from rfm_models where model_id = {literal(model.model_id)}", _insert("rfm_models", values)]  # noqa: S608


def write_ledger(row: LedgerRow) -> list[str]:
    same = f"run_id = {literal(row.run_id)} and step = {literal(row.step)}"
    return [f"delete from run_ledger where {same}", _insert("run_ledger", ledger_values(row))]  # noqa: S608


def ledger_values(row: LedgerRow) -> dict[str, SqlValue]:
    return {
        "run_id": row.run_id,
        "pipeline": row.pipeline,
        "step": row.step,
        "run_date": row.run_date,
        "attempt": row.attempt,
        "flow_run_id": row.flow_run_id,
        "facts": json.dumps(dict(row.facts)),
        "committed_at": row.committed_at,
    }


def _insert(table: str, values: Mapping[str, SqlValue]) -> str:
    return f"insert into {table} ({', '.join(values)}) values ({', '.join(map(literal, values.values()))})"  # noqa: S608


def literal(value: SqlValue) -> str:
    """A value as it stands in a script: the statements of a script are one text, and carry no parameters."""
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        return f"timestamp '{value.astimezone(UTC).isoformat()}'"
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    return json.dumps(value, ensure_ascii=False)
