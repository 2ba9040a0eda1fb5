"""The tables of warehouse/tables.py in BigQuery: day partitions on run_date, clustered by customer."""

from google.cloud import bigquery

from warehouse.bigquery_errors import in_plain_words
from warehouse.bigquery_place import Place
from warehouse.tables import MONEY, TABLES
from warehouse.warehouse import WarehouseUnusable

KINDS = {
    "varchar": "STRING",
    "date": "DATE",
    "tinyint": "INTEGER",
    "integer": "INTEGER",
    "bigint": "INTEGER",
    "timestamp": "TIMESTAMP",
    MONEY: "NUMERIC",
}
PARTITIONED = ("rfm_scores", "rfm_rejected")


def prepare(place: Place) -> None:
    """Makes the tables that are missing. Raises WarehouseUnusable when one that is there has other columns."""
    with in_plain_words(str(place)):
        dataset = bigquery.DatasetReference(place.project, place.dataset)
        found = {table.table_id for table in place.client.list_tables(dataset, retry=place.retry)}
        for name in TABLES:
            if name not in found:
                place.client.create_table(_definition(place, name), exists_ok=True, retry=place.retry)
        other = [text for name in TABLES if name in found for text in _differences(place, name)]
    if other:
        raise WarehouseUnusable(
            f"{place}: its tables are of another version of this program: {'; '.join(other[:5])}. Move them away; the"
            " dates can be scored anew from the orders"
        )


def fields_of(table: str, *, nullable: bool = False) -> list[bigquery.SchemaField]:
    """The columns; all of them `nullable`, or as they are."""
    kinds = TABLES[table].items()
    return [_field(name, kind.removesuffix(" not null") if nullable else kind) for name, kind in kinds]


def _definition(place: Place, name: str) -> bigquery.Table:
    table = bigquery.Table(place.table(name), schema=fields_of(name))
    table.labels = {"app": "rfm"}
    if name in PARTITIONED:
        table.time_partitioning = bigquery.TimePartitioning(bigquery.TimePartitioningType.DAY, field="run_date")
        table.clustering_fields = ["customer_id"]
    return table


def _field(name: str, kind: str) -> bigquery.SchemaField:
    bare = kind.removesuffix(" not null")
    mode = "REQUIRED" if bare != kind else "NULLABLE"
    if bare == MONEY:
        return bigquery.SchemaField(name, "NUMERIC", mode, precision=18, scale=2)
    return bigquery.SchemaField(name, KINDS[bare], mode)


def _differences(place: Place, name: str) -> list[str]:
    there = {
        field.name: field.field_type for field in place.client.get_table(place.table(name), retry=place.retry).schema
    }
    return [
        f"{name}.{field.name} is {there.get(field.name, 'missing')}, not {field.field_type}"
        for field in fields_of(name)
        if there.get(field.name) != field.field_type
    ]
