"""Where in BigQuery the warehouse is, and how it is asked: one place for limits, labels and credentials."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

import grpc
import pyarrow as pa
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

from warehouse.batches import in_size
from warehouse.bigquery_errors import in_plain_words

REQUEST_TIMEOUT = 60.0
"""Seconds until a single request that is not answered counts as failed; jobs may take longer."""
Value = str | int | date
Labels = Mapping[str, str]
CENT = Decimal("0.01")
_TYPES = {str: "STRING", int: "INT64", date: "DATE"}


@dataclass(frozen=True)
class Place:
    """`patience` in seconds: how long to try again what may pass. `max_bytes_billed`: a query that would be billed
    for more is refused. The endpoints are those of a stand-in, empty for Google's own; without `storage_endpoint`
    there is no Storage API."""

    project: str
    dataset: str
    location: str
    max_bytes_billed: int
    patience: float
    endpoint: str = ""
    storage_endpoint: str = ""

    def __str__(self) -> str:
        return f"BigQuery {self.project}.{self.dataset}"

    @cached_property
    def client(self) -> bigquery.Client:
        with in_plain_words(str(self)):
            return bigquery.Client(
                self.project,
                location=self.location or None,
                credentials=AnonymousCredentials() if self.endpoint else None,
                client_options={"api_endpoint": self.endpoint} if self.endpoint else None,
            )

    @cached_property
    def storage(self) -> BigQueryReadClient:
        with in_plain_words(str(self)):
            if not self.endpoint:
                return BigQueryReadClient()
            channel = grpc.insecure_channel(self.storage_endpoint)
            return BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))

    @property
    def retry(self) -> Retry:
        return DEFAULT_RETRY.with_timeout(self.patience)

    def table(self, name: str) -> bigquery.TableReference:
        return bigquery.DatasetReference(self.project, self.dataset).table(name)

    def rows(
        self, query: str, values: Mapping[str, Value] | None = None, *, labels: Labels | None = None
    ) -> list[tuple[Any, ...]]:
        """Runs the query; table names without a dataset are those of the warehouse. Decimals are money."""
        with in_plain_words(str(self)):
            return [tuple(map(_in_cents, row.values())) for row in self._ask(query, values, labels)]

    def batches(
        self, query: str, values: Mapping[str, Value], rows: int, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """The result in its order, `rows` or fewer at a time."""
        with in_plain_words(str(self)):
            found = self._ask(query, values, None, page_size=rows if self.endpoint else None)
            arrived = found.to_arrow_iterable(bqstorage_client=None if self.endpoint else self.storage)
            for batch in in_size(arrived, rows):
                yield batch.cast(schema)

    def script(self, statements: str, *, labels: Labels) -> None:
        """Statements of BigQuery's scripting language, as one job."""
        with in_plain_words(str(self)):
            self._ask(statements, None, labels)

    def _ask(
        self, query: str, values: Mapping[str, Value] | None, labels: Labels | None, page_size: int | None = None
    ) -> Any:
        config = bigquery.QueryJobConfig(
            default_dataset=bigquery.DatasetReference(self.project, self.dataset),
            query_parameters=_parameters(values or {}),
            maximum_bytes_billed=self.max_bytes_billed,
            labels=as_labels(labels or {}),
            use_query_cache=False,
        )
        # with a job_retry the client would ask for ten minutes, whatever its timeout says
        job = self.client.query(query, job_config=config, retry=self.retry, job_retry=None, timeout=REQUEST_TIMEOUT)
        again = DEFAULT_JOB_RETRY.with_timeout(self.patience)
        return job.result(retry=self.retry, job_retry=again, page_size=page_size)


def as_labels(labels: Labels) -> dict[str, str]:
    """As BigQuery takes them: small letters, digits, - and _, 63 at the most."""
    return {"app": "rfm", **{name: re.sub(r"[^a-z0-9_-]", "_", value.lower())[:63] for name, value in labels.items()}}


def _in_cents(value: Any) -> Any:
    """With both decimals, as every other warehouse gives money: BigQuery says 10.1 of 10.10."""
    return value.quantize(CENT) if isinstance(value, Decimal) else value


def _parameters(values: Mapping[str, Value]) -> Sequence[bigquery.ScalarQueryParameter]:
    return [bigquery.ScalarQueryParameter(name, _TYPES[type(value)], value) for name, value in values.items()]
