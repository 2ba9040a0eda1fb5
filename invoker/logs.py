"""Log lines that say which request they belong to: JSON for a log service, readable ones for people."""

import json
import logging
import random
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

_context: ContextVar[Mapping[str, str]] = ContextVar("log_context", default={})  # noqa: B039
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
log = logging.getLogger(__name__)


def is_harmless(given: str) -> bool:
    """Whether a text that somebody sent may stand in a log as it is."""
    return _ID.fullmatch(given) is not None


def request_id(given: str | None = None) -> str:
    """The caller's own id when it is harmless in a log, otherwise a new one."""
    return given if given is not None and is_harmless(given) else f"{random.getrandbits(128):032x}"


def current_request_id() -> str:
    return _context.get().get("request_id", "")


@contextmanager
def about(**fields: str) -> Iterator[None]:
    """Log lines written inside bear these fields, beside those that they bear outside."""
    token = _context.set({**_context.get(), **fields})
    try:
        yield
    finally:
        _context.reset(token)


def from_now_on_about(**fields: str) -> None:
    """Log lines of this thread bear these fields and no others until it says so again: its caller's lines as well."""
    _context.set(fields)


class _WithContext(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.context = _context.get()
        return True


class _WithoutTexts(logging.Formatter):
    """Of an exception, what was raised and the way to it. Not its text, which may hold customer data."""

    def formatException(self, ei: Any) -> str:  # noqa: N802
        chain: list[BaseException] = []
        error: BaseException | None = ei[1]
        while error is not None and error not in chain:
            chain.append(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(_way_to(error) for error in reversed(chain))


def _way_to(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join([type(error).__name__, *(f"  {one.filename}:{one.lineno} in {one.name}" for one in frames)])


class JsonLines(_WithoutTexts):
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


class TextLines(_WithoutTexts):
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
    threading.excepthook = _log_end_of_thread


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if not issubclass(ended.exc_type, SystemExit):
        name = ended.thread.name if ended.thread else "unknown"
        log.error("thread %s broke", name, exc_info=ended.exc_value)


def without_tracebacks() -> None:
    """What stops the start is ours and was said in full: the server's traceback of it would only bury that."""
    logging.getLogger("uvicorn.error").addFilter(lambda record: not record.getMessage().startswith("Traceback"))
