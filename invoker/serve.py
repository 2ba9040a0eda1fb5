"""The server around the app: uvicorn alone, or gunicorn with uvicorn workers."""

import socket
from typing import Any

import uvicorn

from invoker.logs import configure_logging
from settings import Invoker

BACKLOG = 2048
APP = "invoker.app:create_app"


class PortTaken(Exception):
    """The address cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """Takes the port before anything else is started. Raises PortTaken."""
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise PortTaken(
            f"the invoker cannot listen on {host}:{port}: {error.strerror};"
            " end what holds the port, or set INVOKER_PORT to another one (0: any free port)"
        ) from None
    return listening


def serve(invoker: Invoker, listening: socket.socket) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code."""
    return _serve_many(invoker, listening) if invoker.workers > 1 else _serve_one(invoker, listening)


def _serve_one(invoker: Invoker, listening: socket.socket) -> int:
    server = uvicorn.Server(
        uvicorn.Config(
            APP,
            factory=True,
            log_config=None,
            access_log=False,
            lifespan="on",
            backlog=BACKLOG,
            server_header=False,
            timeout_graceful_shutdown=round(invoker.graceful_timeout),
        )
    )
    server.run(sockets=[listening])
    return 0 if server.started else 1


def _serve_many(invoker: Invoker, listening: socket.socket) -> int:
    from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
    from gunicorn.errors import HaltServer  # type: ignore[import-untyped]

    configure_logging(invoker.log_format)

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in _gunicorn(invoker, listening).items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            from invoker.app import create_app

            return create_app()

    try:
        Application().run()
    except HaltServer as halted:
        # of a second worker that cannot start, while gunicorn ends for the first one's sake
        return int(halted.exit_status)
    return 0


def _gunicorn(invoker: Invoker, listening: socket.socket) -> dict[str, Any]:
    return {
        "bind": f"fd://{listening.fileno()}",
        "workers": invoker.workers,
        "worker_class": "uvicorn_worker.UvicornWorker",
        "timeout": round(invoker.worker_timeout),
        "graceful_timeout": round(invoker.graceful_timeout),
        "backlog": BACKLOG,
        "control_socket_disable": True,
        "logger_class": _as_all_others(),
    }


def _as_all_others() -> type:
    """gunicorn's own lines go the way of all others."""
    from gunicorn.glogging import Logger  # type: ignore[import-untyped]

    class Lines(Logger):  # type: ignore[misc]
        def setup(self, cfg: Any) -> None:
            super().setup(cfg)
            self.error_log.handlers.clear()
            self.error_log.propagate = True

    return Lines
