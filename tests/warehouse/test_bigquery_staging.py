"""What is sent to make and fill staging tables: the stand-in takes what BigQuery would refuse."""

import pyarrow.parquet as pq
from google.cloud import bigquery

from rfm.read_rules import rules_named
from tests.stores import bigquery_store, stand_in  # noqa: F401
from tests.warehouse.given_features import WINDOW
from workload.score import score


def test_staging_has_the_columns_of_the_file_all_nullable_and_the_load_names_the_same(bigquery_store, monkeypatch):  # noqa: F811
    made, loaded, files = {}, {}, {}
    make, load = bigquery.Client.create_table, bigquery.Client.load_table_from_file

    def noted_table(client, table, *arguments, **options):
        made[table.table_id] = table.schema
        return make(client, table, *arguments, **options)

    def noted_load(client, content, table, *, job_config, **options):
        loaded[table.table_id], files[table.table_id] = job_config.schema, pq.read_schema(content)
        content.seek(0)
        return load(client, content, table, job_config=job_config, **options)

    request = bigquery_store.given_features([("a", 1, 1, "1.00"), ("refunds", None, 0, "-1.00")])
    monkeypatch.setattr(bigquery.Client, "create_table", noted_table)
    monkeypatch.setattr(bigquery.Client, "load_table_from_file", noted_load)
    score(bigquery_store.warehouse, request, rules_named("quintile"), window_days=WINDOW)

    assert loaded == made
    assert [name.endswith(("_rfm_scores", "_rfm_rejected")) for name in loaded] == [True, True]
    for name, fields in loaded.items():
        assert {field.mode for field in fields} == {"NULLABLE"}
        assert {field.name for field in fields} == set(files[name].names)
        [money] = [field for field in fields if field.name == "monetary"]
        assert (money.field_type, money.precision, money.scale) == ("NUMERIC", 18, 2)
