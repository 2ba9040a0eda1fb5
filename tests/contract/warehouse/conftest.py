from tests.stores import bigquery_store, stand_in, store  # noqa: F401
