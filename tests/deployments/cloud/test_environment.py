"""An environment's settings are those of its file, not of the machine that reads it."""

import pytest

from deployments.cloud import pools
from deployments.cloud.complete import missing_or_wrong
from deployments.cloud.environment import WrongEnvironment, read_environment
from settings import Settings
from tests.deployments.cloud.given_environment import write_environment


def test_neither_the_machines_environment_nor_its_env_file_is_read(monkeypatch, tmp_path):
    monkeypatch.setenv("WAREHOUSE_PATH", "/home/of-a-laptop/w.duckdb")
    monkeypatch.setenv("MESSENGER_PROJECT", "another-project")

    settings = read_environment(write_environment(tmp_path))

    assert settings.messenger.project == "rfm-test-project"
    assert "path" not in settings.warehouse.model_fields_set


def test_ci_can_say_which_image_and_who_it_is(monkeypatch, tmp_path):
    monkeypatch.setenv("DEPLOY_RFM_IMAGE", "registry.example.com/rfm:of-this-commit")
    monkeypatch.setenv("PREFECT_API_KEY", "key-of-ci")

    settings = read_environment(write_environment(tmp_path))

    assert settings.deploy.rfm_image == "registry.example.com/rfm:of-this-commit"
    assert settings.prefect.api_key.get_secret_value() == "key-of-ci"


def test_a_secret_in_the_file_is_refused_and_in_the_commands_environment_taken(monkeypatch, tmp_path):
    with pytest.raises(WrongEnvironment, match="ALERTS_URLS is a secret, not for a file"):
        read_environment(write_environment(tmp_path, ALERTS_URLS="slack://a/b/c"))

    monkeypatch.setenv("ALERTS_URLS", "slack://a/b/c")
    settings = read_environment(write_environment(tmp_path))
    assert settings.alerts.addresses == ["slack://a/b/c"]
    assert missing_or_wrong(settings) == []


def test_everything_that_is_wrong_in_the_file_is_said_at_once(tmp_path):
    path = write_environment(
        tmp_path, DEPLOY_REIGON="europe-west1", INVOKER_PORT="http", MESSENGER_KIND="carrier-pigeon", NO_SUCH="1"
    )

    with pytest.raises(WrongEnvironment) as wrong:
        read_environment(path)

    for name in ("DEPLOY_REIGON", "INVOKER_PORT", "MESSENGER_KIND", "NO_SUCH"):
        assert name in str(wrong.value)


def test_an_environment_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    with pytest.raises(WrongEnvironment, match="environments: dev, local, prod"):
        read_environment(tmp_path / "staging.env")


def test_every_group_of_settings_is_some_roles_or_of_no_container():
    """A new group has to be named in deployments/cloud/pools.py, or its values would not reach the code."""
    of_no_container = {"prefect", "stack", "deploy", "code", "k"}  # an image says itself which code it has
    needed = set(pools.ORCHESTRATOR_NEEDS).union(*(role.needs for role in pools.roles_of(Settings())))

    assert needed | of_no_container == set(Settings.model_fields)
    assert not needed & of_no_container
