"""What a container on Vertex AI starts with: secrets by reference become variables of the flow run alone."""

import google.auth
import pytest
from google.oauth2.credentials import Credentials

from tests.secret_manager import TOKEN, secret_manager
from workload import container
from workload.container import SecretRefused, SecretUnavailable, fetch, with_secrets

REFERENCE = "projects/p/secrets/prefect-key/versions/7"


@pytest.fixture
def secrets(monkeypatch):
    """A Secret Manager that knows one secret."""
    with secret_manager({REFERENCE: "a secret"}) as server:
        monkeypatch.setattr(container, "SECRET_MANAGER", server.url)
        monkeypatch.setattr(container, "BACKOFF", 0)
        monkeypatch.setattr(google.auth, "default", lambda **_: (Credentials(TOKEN), "p"))
        yield server


def test_a_reference_becomes_the_value_and_everything_else_stays(secrets):
    environment = with_secrets({"PREFECT_API_KEY_FROM_SECRET": REFERENCE, "MODEL_RULES": "tercile"})

    assert environment == {"PREFECT_API_KEY": "a secret", "MODEL_RULES": "tercile"}
    assert secrets.asked == [(REFERENCE, TOKEN)]


def test_without_references_nobody_is_asked(secrets):
    assert with_secrets({"MODEL_RULES": "tercile"}) == {"MODEL_RULES": "tercile"}
    assert secrets.asked == []


def test_a_secret_that_is_not_ours_stops_the_container_and_says_which(secrets):
    with pytest.raises(SecretRefused, match=r"other.*answered 403"):
        fetch("projects/p/secrets/other/versions/1")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_error_that_passes_costs_time_and_nothing_else(secrets, status):
    secrets.troubles += [status] * (container.TRIES - 1)

    assert fetch(REFERENCE) == "a secret"


def test_an_error_that_stays_is_no_refusal(secrets):
    secrets.troubles += [503] * container.TRIES

    with pytest.raises(SecretUnavailable, match="Secret Manager answered 503"):
        fetch(REFERENCE)


def test_a_secret_manager_that_is_away_is_told_from_one_that_refuses(secrets, monkeypatch):
    monkeypatch.setattr(container, "SECRET_MANAGER", "http://127.0.0.1:9/v1")

    with pytest.raises(SecretUnavailable, match="could not be read"):
        fetch(REFERENCE)
