"""Tasks open their parts through wiring.py, from settings: here they point into a folder of the test's own."""

import pytest

from settings import get_settings
from tests.carriers import carrier, emulator  # noqa: F401
from tests.tasks.register_lock import register_lock  # noqa: F401


@pytest.fixture
def settings(monkeypatch, tmp_path):
    monkeypatch.setenv("MESSENGER_PATH", str(tmp_path / "messenger.db"))
    monkeypatch.setenv("RUNS_PATH", str(tmp_path / "register.db"))
    monkeypatch.setenv("RUNS_URL", "")
    monkeypatch.setenv("WAREHOUSE_PATH", str(tmp_path / "warehouse.duckdb"))
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()
