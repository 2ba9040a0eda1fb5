"""Runs the Prefect server, with its settings for a laptop, once its database answers."""

import gc
import os
import threading
import time
from collections.abc import Mapping
from urllib.parse import quote

from deployments.local.layout import Layout
from deployments.local.postgres import USER
from settings import Stack, get_settings

COLLECT_EVERY = 5.0
DATABASE_WAIT = 60.0


def database_url(stack: Stack, layout: Layout) -> str:
    if stack.prefect_database == "postgres":
        return f"postgresql+asyncpg://{USER}@/postgres?host={quote(str(layout.sockets))}"
    if stack.prefect_database == "sqlite":
        return f"sqlite+aiosqlite:///{layout.prefect_home / 'prefect.db'}"
    return stack.prefect_database


def server_settings(stack: Stack, layout: Layout) -> Mapping[str, str]:
    """Settings of the server's process alone: a worker would hand them on to every run.

    Logs and artifacts whose flow run housekeeping has removed go within a day, and events after Prefect's week.
    Without the blocks the server does not import every installed Prefect collection, dbt and BigQuery among
    them, which would take half of its start and 300 MB.
    """
    return {
        "PREFECT_API_DATABASE_CONNECTION_URL": database_url(stack, layout),
        "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
        "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,orphans",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }


def collect_on_own_thread() -> None:
    """On SQLite the garbage collector on the event loop waits for locked cursors, for up to a minute.

    Collecting on a thread of its own keeps the loop free (docs/adr/0011-prefect-database.md).
    """
    gc.disable()

    def collect() -> None:
        while True:
            time.sleep(COLLECT_EVERY)
            gc.collect()

    threading.Thread(target=collect, name="collector", daemon=True).start()


async def wait_for_postgres(layout: Layout) -> None:
    """Until it takes connections; after a crash it first recovers. Raises TimeoutError."""
    import asyncio

    import asyncpg  # type: ignore[import-untyped]

    async with asyncio.timeout(DATABASE_WAIT):
        while True:
            try:
                connection = await asyncpg.connect(host=str(layout.sockets), user=USER, database="postgres")
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.1)
                continue
            await connection.close()
            return


def main() -> None:
    import asyncio

    stack = get_settings().stack
    layout = Layout(stack.path)
    os.environ.update(server_settings(stack, layout))
    import uvicorn
    from prefect.server.api.server import create_app

    if stack.prefect_database == "postgres":
        asyncio.run(wait_for_postgres(layout))
    if database_url(stack, layout).startswith("sqlite"):
        collect_on_own_thread()
    uvicorn.run(
        create_app(final=True),
        host="127.0.0.1",
        port=stack.prefect_port,
        log_level="warning",
        loop="asyncio",  # uvloop is there for the invoker; Prefect's server was proven without it
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
