"""Connections to the register's database: nobody waits for them without end, and what breaks is said in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from register.postgres_schema import SCHEMA, migrate
from register.register import RegisterUnavailable

Database = Connection[tuple[Any, ...]]


def open_pool(url: str, *, within: float, connections: int) -> ConnectionPool[Database]:
    """The tables are up to date when this returns. Raises RegisterUnavailable, with the reason the server gave."""
    options = _options(within)
    with reaching():
        with psycopg.connect(url, **options) as database:
            migrate(database)
        return ConnectionPool(
            url,
            kwargs=options,
            min_size=1,
            max_size=connections,
            timeout=within,
            check=ConnectionPool.check_connection,
            open=True,
        )


def _options(within: float) -> dict[str, Any]:
    """The server ends what takes too long; what the server cannot end, since it is gone, the network layer does."""
    milliseconds = round(within * 1000)
    return {
        "connect_timeout": max(2, round(within)),
        "tcp_user_timeout": milliseconds,
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "autocommit": True,
        "application_name": "register of runs",
        "options": " ".join(
            f"-c {name}={milliseconds}"
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        )
        + f" -c search_path={SCHEMA}",
    }


@contextmanager
def reaching() -> Iterator[None]:
    """What the database cannot do now becomes RegisterUnavailable; data that it refuses is a fault of its sender."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError):
        raise
    except PoolClosed:
        raise RegisterUnavailable("the register was closed by this process") from None
    except PoolTimeout:
        raise RegisterUnavailable("the register's database gives no connection; it is down, or too busy") from None
    except psycopg.Error as error:
        raise RegisterUnavailable(f"the register's database: {_cause(error)}") from None


def _cause(error: psycopg.Error) -> str:
    """The first line: those after it may show the statement and its values."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
