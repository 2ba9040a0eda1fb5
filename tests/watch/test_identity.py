from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from watch.identity import identity


@pytest.fixture
def metadata():
    """A stand-in for Google's metadata server: the token says for whom it is."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            allowed = self.headers["Metadata-Flavor"] == "Google"
            self.send_response(200 if allowed else 403)
            self.end_headers()
            self.wfile.write(self.path.partition("audience=")[2].encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/identity"
    server.shutdown()
    server.server_close()


def test_an_address_with_tls_gets_a_token_for_itself(metadata):
    headers = identity("https://invoker.example", within=5, metadata=metadata)

    assert headers == {"Authorization": "Bearer https%3A%2F%2Finvoker.example"}


def test_this_machine_gets_no_token(metadata):
    assert identity("http://127.0.0.1:8080", within=5, metadata=metadata) == {}


def test_elsewhere_than_on_google_cloud_there_is_no_token():
    assert identity("https://invoker.example", within=5, metadata="http://127.0.0.1:9/identity") == {}
