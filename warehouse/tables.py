"""The tables that Python owns: their columns, in one place. rfm_features belongs to dbt."""

from collections.abc import Mapping

MONEY = "decimal(18, 2)"

TABLES: Mapping[str, Mapping[str, str]] = {
    "rfm_scores": {
        "customer_id": "varchar not null",
        "run_date": "date not null",
        "recency": "integer not null",
        "frequency": "integer not null",
        "monetary": f"{MONEY} not null",
        "r_score": "tinyint not null",
        "f_score": "tinyint not null",
        "m_score": "tinyint not null",
        "segment": "varchar not null",
        "model_id": "varchar not null",
        "run_id": "varchar not null",
    },
    "rfm_rejected": {
        "customer_id": "varchar",
        "run_date": "date not null",
        "recency": "integer",
        "frequency": "integer",
        "monetary": MONEY,
        "reason": "varchar not null",
        "run_id": "varchar not null",
    },
    "rfm_models": {
        "model_id": "varchar not null",
        "rules": "varchar not null",
        "edges": "varchar not null",
        "definition": "varchar not null",
        "fitted_on": "date not null",
        "customers": "bigint not null",
        "run_id": "varchar not null",
        "fitted_at": "timestamp not null",
    },
    "run_ledger": {
        "run_id": "varchar not null",
        "pipeline": "varchar not null",
        "step": "varchar not null",
        "run_date": "date not null",
        "attempt": "integer not null",
        "flow_run_id": "varchar not null",
        "facts": "varchar not null",
        "committed_at": "timestamp not null",
    },
}
"""Timestamps are UTC; facts, edges and definition are JSON."""

FEATURE_COLUMNS: Mapping[str, str] = {
    "customer_id": "VARCHAR",
    "run_date": "DATE",
    "recency": "INTEGER",
    "frequency": "INTEGER",
    "monetary": "DECIMAL(18,2)",
    "run_id": "VARCHAR",
}
"""What scoring needs of rfm_features."""


def definitions() -> list[str]:
    """SQL that makes each table unless it is there."""
    return [
        f"create table if not exists {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})"
        for table, columns in TABLES.items()
    ]


def other_columns(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    """What differs in tables that are there already, by table the names and types of their columns; [] is good."""
    return [
        f"{table}.{name} is {found[table].get(name, 'missing')}, not {_type(kind)}"
        for table, columns in TABLES.items()
        for name, kind in columns.items()
        if table in found and found[table].get(name) != _type(kind)
    ]


def _type(kind: str) -> str:
    """As DuckDB spells it."""
    return kind.removesuffix(" not null").upper().replace(", ", ",")
