"""The tables of the register in Postgres, version by version.

A change of the tables is one more entry of MIGRATIONS, never a change of an entry that has been released. An entry
may only add what the version before it can live with: while a new version of the program is rolled out, the
old one still runs on the same tables.
"""

from typing import Any

from psycopg import Connection

SCHEMA = "register"
MIGRATIONS = (
    (
        """CREATE TABLE register.runs (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, run_id text NOT NULL UNIQUE, pipeline text NOT NULL,
            run_date date NOT NULL, attempt bigint NOT NULL, parameters text NOT NULL, requested_by text NOT NULL,
            requested_at timestamptz NOT NULL, published boolean NOT NULL, UNIQUE (pipeline, run_date, attempt)
        )""",
        "CREATE INDEX runs_by_request ON register.runs (requested_at)",
        """CREATE TABLE register.steps (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            run_id text NOT NULL REFERENCES register.runs (run_id), step text NOT NULL, state text NOT NULL,
            news text NOT NULL, UNIQUE (run_id, step)
        )""",
        """CREATE TABLE register.turns (
            run_id text PRIMARY KEY, holder text NOT NULL, has_turn boolean NOT NULL, until timestamptz NOT NULL
        )""",
    ),
)
"""The statements of entry n, from 0 on, lead from version n to version n + 1."""

ONE_MIGRATION_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('register of runs: migration', 0))"
NOTHING = -1
"""The version of a database that has no tables of the register."""
IS_THERE = "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'register' AND tablename = 'version')"
SCHEMA_IS_THERE = "SELECT FROM pg_namespace WHERE nspname = 'register'"
PREPARE = (
    "CREATE TABLE register.version (version integer NOT NULL)",
    "INSERT INTO register.version VALUES (0)",
)


def migrate(connection: Connection[Any]) -> None:
    """In one transaction, once, however many programs start at the same time.

    Newer tables than this program knows are left as they are: they still have all that it needs.
    """
    if _version(connection) >= len(MIGRATIONS):
        return
    with connection.transaction():
        connection.execute(ONE_MIGRATION_AT_A_TIME)
        found = _version(connection)
        if found == NOTHING:
            # IF NOT EXISTS would ask for the right to make schemas even where somebody made this one for us
            if connection.execute(SCHEMA_IS_THERE).fetchone() is None:
                connection.execute("CREATE SCHEMA register")
            for statement in PREPARE:
                connection.execute(statement)
        for statements in MIGRATIONS[max(found, 0) :]:
            for statement in statements:
                connection.execute(statement)
        if found < len(MIGRATIONS):
            connection.execute("UPDATE register.version SET version = %s", (len(MIGRATIONS),))


def _version(connection: Connection[Any]) -> int:
    row = connection.execute(IS_THERE).fetchone()
    if row is None or not row[0]:
        return NOTHING
    row = connection.execute("SELECT version FROM register.version").fetchone()
    return int(row[0]) if row else 0
