import pytest
from prefect.client.orchestration import get_client

from settings import get_settings
from tests.prefect_server import postgres, prefect, prefect_server  # noqa: F401
from tests.receivers import web_receiver
from watch import book


def close_all(client):
    """Alerts, of which the server is shared by all tests of the session."""
    for one in book.open_alerts(client):
        book.close(client, one.alert)


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
def receiver(configured, request):
    """Gets the alerts of the test, which begins with none open."""
    request.getfixturevalue("prefect")
    with get_client(sync_client=True) as client:
        close_all(client)
    with web_receiver() as receiver:
        configured(ALERTS_URLS=receiver.address)
        yield receiver
