"""Log lines that say which request they belong to: JSON for a log service, readable ones for people."""

import json
import logging
import random
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default={})  # noqa: B039
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def request_id(given: str | None = None) -> str:
    """The caller's own id when it is harmless in a log, otherwise a new one."""
    return given if given is not None and _ID.fullmatch(given) else f"{random.getrandbits(128):032x}"


def current_request_id() -> str:
    return _context.get().get("request_id", "")


@contextmanager
def about(request: str, **more: str) -> Iterator[None]:
    """Log lines written inside bear the id of the request, or of the message, and what else is given."""
    token = _context.set({"request_id": request, **more})
    try:
        yield
    finally:
        _context.reset(token)


class _WithContext(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.context = _context.get()
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line; `severity` is the name that Google's log service looks for."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "severity": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "context", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextLines(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        context = " ".join(f"{name}={value}" for name, value in getattr(record, "context", {}).items())
        return super().format(record) + (f"  [{context}]" if context else "")


def configure_logging(style: Literal["text", "json"]) -> None:
    """All loggers of the process write to stdout in one style. What uvicorn says of each request we say ourselves."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines() if style == "json" else TextLines())
    handler.addFilter(_WithContext())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    # no line shows where it was written, by which thread and process; finding that out costs more than writing it
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"
    for chatty in ("httpx", "httpcore", "google"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def without_tracebacks() -> None:
    """What stops the start is ours and was said in full: the server's traceback of it would only bury that."""
    logging.getLogger("uvicorn.error").addFilter(lambda record: not record.getMessage().startswith("Traceback"))
