"""The stack on each other database that its Prefect server can have: a run is asked for, and confirmed.

Every other stack of the tests is on the embedded Postgres.
"""

import sqlite3
from contextlib import closing

import pytest

from deployments.local.layout import Layout
from deployments.local.supervise import part_states
from tests.e2e.local_stack import TODAY, UNSCHEDULED, local_stack
from tests.postgres import postgres  # noqa: F401

pytestmark = [pytest.mark.e2e, pytest.mark.long]

ORCHESTRATIONS = "SELECT count(*) FROM flow_run WHERE idempotency_key LIKE 'rfm-%/orchestrate'"


def confirmed_on(database, folder):
    """Whether a run on a stack of its own was, and the parts of that stack."""
    with local_stack(folder, STACK_PREFECT_DATABASE=database, **UNSCHEDULED) as stack:
        parts = {state["name"] for state in part_states(Layout(folder / "stack"))}
        run = stack.settled(stack.invoke(TODAY).json()["run_id"], within=240)
    return run["state"] == "succeeded", parts


def test_a_run_is_confirmed_on_sqlite(tmp_path):
    confirmed, parts = confirmed_on("sqlite", tmp_path)

    assert (confirmed, "postgres" in parts) == (True, False)
    with closing(sqlite3.connect(tmp_path / "stack" / "prefect" / "prefect.db")) as file:
        assert file.execute(ORCHESTRATIONS).fetchone() == (1,)


def test_a_run_is_confirmed_on_a_postgres_of_somebody_elses(tmp_path, postgres):  # noqa: F811
    database = postgres.new_database()

    confirmed, parts = confirmed_on(database.replace("postgresql:", "postgresql+asyncpg:"), tmp_path)

    assert (confirmed, "postgres" in parts) == (True, False)
    name = database.partition("@/")[2].partition("?")[0]
    assert postgres.execute(ORCHESTRATIONS, name).fetchone() == (1,)
