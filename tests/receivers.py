"""Where alerts go in tests: a web server and a mail server on loopback."""

import json
import socketserver
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.serving import serving


class WebReceiver:
    """Keeps what is posted to it. `status` is what it answers."""

    def __init__(self):
        self.got = []
        self.status = 200

    @property
    def titles(self):
        return [one["title"] for one in self.got]


@contextmanager
def web_receiver():
    """The receiver, and as `address` the Apprise address that reaches it."""
    receiver = WebReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if receiver.status == 200:
                receiver.got.append(body)
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        receiver.address = f"json://127.0.0.1:{port}/hooks/secret-token"
        yield receiver


@contextmanager
def mail_receiver():
    """A list that fills with mails as they were sent, and the Apprise address that reaches it."""
    mails = []

    class Session(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 test\r\n")
            while line := self.rfile.readline():
                word = line.split()[0].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    mails.append(b"".join(lines).decode())
                self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
                if word == b"QUIT":
                    return

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)) as port:
        yield mails, f"mailto://127.0.0.1:{port}?from=rfm@example.com&to=ops@example.com&mode=insecure"
