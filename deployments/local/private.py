"""A stack of one's own, in a folder of its own and on free ports: for tests and benchmarks."""

import os
from collections.abc import Mapping
from pathlib import Path


def private_environment(folder: Path, orders: Path, **settings: str) -> Mapping[str, str]:
    """The caller's environment, with every file of the system below `folder`; `settings` go on top."""
    return os.environ | {
        "SOURCE_PATH": str(orders),
        "WAREHOUSE_PATH": str(folder / "warehouse.duckdb"),
        "PUBLISHED_PATH": str(folder / "published"),
        "MESSENGER_PATH": str(folder / "messenger.db"),
        "RUNS_PATH": str(folder / "register.db"),
        "RUNS_URL": "",
        "STACK_PATH": str(folder / "stack"),
        "STACK_PREFECT_PORT": "0",
        "INVOKER_PORT": "0",
        **settings,
    }
