"""Staging in BigQuery: Parquet files go into tables of their own by load jobs, and wait there for the commit.

The id of a load job is fixed before the first try, and its table takes rows only while it is empty. So whoever
asks again because the answer was lost finds the job that is there, and nothing is loaded twice. The tables end by
themselves after a day; `abandoned_tables` finds those whose process was killed before.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from google.api_core.exceptions import Conflict, GoogleAPICallError
from google.cloud import bigquery

from warehouse.bigquery_errors import UNREACHABLE, in_plain_words
from warehouse.bigquery_place import REQUEST_TIMEOUT, Labels, Place, as_labels
from warehouse.bigquery_tables import fields_of
from warehouse.warehouse import Abandoned

PREFIX = "staging_"
LIFE = timedelta(days=1)
LONGEST_RUN = timedelta(hours=6)
"""BigQuery ends a job after six hours: a younger table may still be in use."""
TRIES = 3
ADDED_AT_THE_COMMIT = ("run_date", "model_id", "run_id")


@contextmanager
def staged_tables(place: Place, run_id: str, files: Mapping[str, Path], labels: Labels) -> Iterator[dict[str, str]]:
    """Loads each file, which is named by the table it is meant for; gives the names of the staging tables, which
    are gone at the end."""
    stem = f"{PREFIX}{run_id.replace('-', '_')}_{uuid4().hex[:8]}"
    names = {table: f"{stem}_{table}" for table in files}
    try:
        for table, name in names.items():
            fields = _staged_fields(table)
            with in_plain_words(str(place)):
                _make(place, name, fields)
                _load(place, name, files[table], fields, labels)
        yield names
    finally:
        # what was committed stays so when this fails: the tables end by themselves
        with suppress(GoogleAPICallError, *UNREACHABLE):
            for name in names.values():
                place.client.delete_table(place.table(name), not_found_ok=True, retry=place.retry)


def _staged_fields(table: str) -> list[bigquery.SchemaField]:
    """All nullable, as the columns of a Parquet file are: BigQuery refuses to load these into required ones. The
    insert into the real table is what refuses a null."""
    return [field for field in fields_of(table, nullable=True) if field.name not in ADDED_AT_THE_COMMIT]


def _make(place: Place, name: str, fields: Sequence[bigquery.SchemaField]) -> None:
    definition = bigquery.Table(place.table(name), schema=fields)
    definition.expires = datetime.now(UTC) + LIFE
    definition.labels = {"app": "rfm"}
    place.client.create_table(definition, exists_ok=True, retry=place.retry)


def _load(place: Place, name: str, file: Path, fields: Sequence[bigquery.SchemaField], labels: Labels) -> None:
    config = bigquery.LoadJobConfig(
        schema=fields,  # else BigQuery finds NUMERIC in the file, which is another type than NUMERIC(18, 2)
        source_format=bigquery.SourceFormat.PARQUET,
        write_disposition=bigquery.WriteDisposition.WRITE_EMPTY,
        create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
        labels=as_labels(labels),
    )
    job_id = f"load_{name}"
    for left in reversed(range(TRIES)):
        try:
            with file.open("rb") as content:
                job = place.client.load_table_from_file(
                    content, place.table(name), job_id=job_id, job_config=config, timeout=REQUEST_TIMEOUT
                )
        except Conflict:
            place.client.get_job(job_id, retry=place.retry).result(retry=place.retry)
            return
        except UNREACHABLE:
            if not left:
                raise
            continue
        job.result(retry=place.retry)
        return


def abandoned_tables(place: Place, *, older_than: timedelta = LONGEST_RUN) -> list[Abandoned]:
    """Staging tables whose process must be dead by now, by name."""
    oldest = datetime.now(UTC) - older_than
    with in_plain_words(str(place)):
        dataset = bigquery.DatasetReference(place.project, place.dataset)
        tables = [
            one for one in place.client.list_tables(dataset, retry=place.retry) if one.table_id.startswith(PREFIX)
        ]
    found = [Abandoned(table.table_id, table.created) for table in tables if table.created < oldest]
    return sorted(found, key=lambda one: one.name)


def remove_abandoned(place: Place, name: str, *, older_than: timedelta = LONGEST_RUN) -> None:
    if name in [one.name for one in abandoned_tables(place, older_than=older_than)]:
        with in_plain_words(str(place)):
            place.client.delete_table(place.table(name), not_found_ok=True, retry=place.retry)
