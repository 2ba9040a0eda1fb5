import pytest

from settings import get_settings
from tests.prefect_server import prefect, prefect_server  # noqa: F401
from tests.receivers import web_receiver


@pytest.fixture
def configured(monkeypatch, tmp_path):
    """Sets settings for the test, each by its name in the environment; the system's files are below tmp_path."""

    def configure(**values):
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))
        get_settings.cache_clear()
        return get_settings()

    configure(
        MESSENGER_PATH=tmp_path / "messenger.db",
        RUNS_PATH=tmp_path / "register.db",
        WAREHOUSE_PATH=tmp_path / "warehouse.duckdb",
    )
    yield configure
    get_settings.cache_clear()


@pytest.fixture
def receiver(configured):
    """Gets the alerts of the test."""
    with web_receiver() as receiver:
        configured(ALERTS_URLS=receiver.address)
        yield receiver
