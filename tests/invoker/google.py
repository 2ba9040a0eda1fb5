"""Google's part in tokens, on loopback: a key of our own, its certificate served as Google serves its own."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt

AUDIENCE = "https://invoker.example"
ACCOUNT = "analyst@example.com"
SILENT_FOR = 30.0
"""Seconds, at the most."""
CLAIMS = {"iss": "https://accounts.google.com", "aud": AUDIENCE, "email": ACCOUNT, "email_verified": True, "sub": "1"}


class Key:
    """An RSA key and a self-signed certificate of it."""

    def __init__(self, key_id):
        self.key_id = key_id
        self._private = rsa.generate_private_key(65537, 2048)

    def token(self, *, lives=3600, key_id=None, without=(), **claims):
        now = int(time.time())
        content = {**CLAIMS, "iat": now - 3600 + min(lives, 0), "exp": now + lives, **claims}
        content = {name: value for name, value in content.items() if name not in without}
        pem = self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        signer = crypt.RSASigner.from_string(pem, key_id or self.key_id)
        return jwt.encode(signer, content).decode()

    def certificate(self):
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + timedelta(days=1))
        )
        signed = builder.sign(self._private, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM).decode()


class CertificateServer:
    """Serves `{key id: PEM}`; counts how often, can be broken, and is silent while `answers` is cleared."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.fetched = 0
        self.broken = False
        self.answers = threading.Event()
        self.answers.set()
        self.max_age = 3600
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/certs"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.fetched += 1
                server.answers.wait(SILENT_FOR)
                self.send_response(500 if server.broken else 200)
                self.send_header("cache-control", f"public, max-age={server.max_age}, must-revalidate")
                self.end_headers()
                self.wfile.write(json.dumps({key.key_id: key.certificate() for key in server.keys}).encode())

            def log_message(self, *args):
                """Tests look at `fetched`."""

        return Handler
