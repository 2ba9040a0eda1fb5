"""A stand-in for Secret Manager's REST API: gives the secrets it knows, to whoever bears a token."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.serving import serving

TOKEN = "token of the container's account"


class SecretManager:
    """`secrets` by reference. `asked`: what it was asked for, and with which token. The next answers have the statuses
    of `troubles`.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.secrets = dict(secrets)
        self.asked: list[tuple[str, str]] = []
        self.troubles: list[int] = []
        self.url = ""

    def answer(self, path: str, token: str) -> tuple[int, dict[str, object]]:
        reference = path.removeprefix("/v1/").removesuffix(":access")
        self.asked.append((reference, token.removeprefix("Bearer ")))
        if self.troubles:
            return self.troubles.pop(0), {}
        if reference not in self.secrets:
            return 403, {}
        return 200, {"payload": {"data": base64.b64encode(self.secrets[reference].encode()).decode()}}


@contextmanager
def secret_manager(secrets: Mapping[str, str]) -> Iterator[SecretManager]:
    stand_in = SecretManager(secrets)
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), _handler(stand_in))) as port:
        stand_in.url = f"http://127.0.0.1:{port}/v1"
        yield stand_in


def _handler(secrets: SecretManager) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = secrets.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *args: object) -> None:
            """Tests look at `asked`."""

    return Handler
