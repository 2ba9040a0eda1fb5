"""Settings are read once, from the environment, and everything that is wrong is said at once."""

import pytest

from deployments.env_example import env_example
from messenger.messenger import LONGEST_DELAY
from setting_types import LONGEST_LEASE
from settings import PROJECT, WrongSettings, get_settings


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_the_first_word_of_a_name_is_its_group(monkeypatch):
    monkeypatch.setenv("INVOKER_PORT", "9000")
    monkeypatch.setenv("ORCHESTRATOR_STEP_DEADLINE", "60")

    settings = get_settings()

    assert settings.invoker.port == 9000
    assert settings.orchestrator.step_deadline == 60


def test_a_relative_path_is_meant_from_the_project(monkeypatch):
    monkeypatch.setenv("WAREHOUSE_PATH", "elsewhere/w.duckdb")

    assert get_settings().warehouse.path == PROJECT / "elsewhere/w.duckdb"


def test_every_wrong_setting_is_listed_at_once(monkeypatch):
    monkeypatch.setenv("INVOKER_PORT", "http")
    monkeypatch.setenv("INVOKER_PROT", "8080")
    monkeypatch.setenv("ORCHESTRATOR_TIMEZONE", "Mars/Olympus")
    monkeypatch.setenv("MODEL_WINDOW_DAYS", "0")

    with pytest.raises(WrongSettings) as stopped:
        get_settings()

    text = str(stopped.value)
    for name in ("INVOKER_PORT", "INVOKER_PROT", "ORCHESTRATOR_TIMEZONE", "MODEL_WINDOW_DAYS"):
        assert name in text


@pytest.mark.parametrize("kind", ["embedded", "pubsub"])
def test_a_lease_is_no_longer_than_a_messenger_extends_one(monkeypatch, kind):
    monkeypatch.setenv("MESSENGER_KIND", kind)
    monkeypatch.setenv("MESSENGER_PROJECT", "p")
    monkeypatch.setenv("MESSENGER_LEASE", "601")

    with pytest.raises(WrongSettings, match="MESSENGER_LEASE"):
        get_settings()

    assert LONGEST_LEASE == LONGEST_DELAY


def test_a_variable_that_only_looks_like_a_group_is_said_plainly(monkeypatch):
    monkeypatch.setenv("SOURCE", "orders.csv")

    with pytest.raises(WrongSettings, match="source"):
        get_settings()


def test_other_variables_of_the_environment_do_not_matter(monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://example.invalid")

    assert get_settings().invoker.host == "127.0.0.1"


def test_the_example_lists_every_setting_as_it_is():
    assert (PROJECT / ".env.example").read_text() == env_example(), "run `make generated`"


def test_checked_tokens_are_believed_on_cloud_run_only(monkeypatch):
    settings = {"INVOKER_AUTH": "cloud-run", "INVOKER_AUDIENCES": "a", "INVOKER_ACCOUNTS": "b@example.com"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(WrongSettings, match="this is not Cloud Run"):
        get_settings()

    monkeypatch.setenv("K_SERVICE", "invoker")
    assert get_settings().invoker.auth == "cloud-run"
