"""What a container on Vertex AI starts with: secrets by reference become variables of the flow run alone."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials

from workload import container
from workload.container import SecretRefused, SecretUnavailable, fetch, with_secrets

REFERENCE = "projects/p/secrets/prefect-key/versions/7"


@pytest.fixture
def secret_manager(monkeypatch):
    """A stand-in that knows one secret; yields what it was asked for."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            known = self.path == f"/v1/{REFERENCE}:access"
            body = json.dumps({"payload": {"data": base64.b64encode(b"a secret").decode()}} if known else {}).encode()
            self.send_response(200 if known else 403)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(container, "SECRET_MANAGER", f"http://127.0.0.1:{server.server_address[1]}/v1")
    monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), "p"))
    yield asked
    server.shutdown()
    server.server_close()


def test_a_reference_becomes_the_value_and_everything_else_stays(secret_manager):
    environment = with_secrets({"PREFECT_API_KEY_FROM_SECRET": REFERENCE, "MODEL_RULES": "tercile"})

    assert environment == {"PREFECT_API_KEY": "a secret", "MODEL_RULES": "tercile"}


def test_without_references_nobody_is_asked(secret_manager):
    assert with_secrets({"MODEL_RULES": "tercile"}) == {"MODEL_RULES": "tercile"}
    assert secret_manager == []


def test_a_secret_that_is_not_ours_stops_the_container_and_says_which(secret_manager):
    with pytest.raises(SecretRefused, match=r"other.*answered 403"):
        fetch("projects/p/secrets/other/versions/1")


def test_a_secret_manager_that_is_away_is_told_from_one_that_refuses(secret_manager, monkeypatch):
    monkeypatch.setattr(container, "SECRET_MANAGER", "http://127.0.0.1:9/v1")

    with pytest.raises(SecretUnavailable, match="could not be read"):
        fetch(REFERENCE)
