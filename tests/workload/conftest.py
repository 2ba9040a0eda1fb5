"""A warehouse that a module's fixture `scored` has made once: each test gets a copy of its own."""

import shutil

import pytest

from warehouse.duckdb import DuckDBWarehouse


@pytest.fixture
def path(tmp_path):
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def warehouse(path, scored):
    shutil.copyfile(scored, path)
    return DuckDBWarehouse(path, lock_wait=5)
