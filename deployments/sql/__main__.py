"""python -m deployments.sql run|docs: what `make dbt-run` and `make docs` call.

RUN_DATE, ORDERS and FULL_REFRESH come from the environment, where make puts them.
"""

import os
import sys
from datetime import date
from pathlib import Path

from rich.console import Console

from deployments.local.orders import find_orders
from errors import Permanent, Retryable
from settings import get_settings
from wiring import open_warehouse

COMMANDS = ("run", "docs")


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        print(f"usage: python -m deployments.sql {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    text = os.environ.get("RUN_DATE", "")
    try:
        run_date = date.fromisoformat(text) if text else None
    except ValueError:
        print(f"RUN_DATE is {text!r}; a day such as 1998-06-30 is needed", file=sys.stderr)
        return 2
    if run_date is None and sys.argv[1] == "run":
        print("usage: make dbt-run RUN_DATE=1998-06-30 [FULL_REFRESH=1] [DBT_USER=you]", file=sys.stderr)
        return 2
    if orders := os.environ.get("ORDERS"):
        os.environ["SOURCE_PATH"] = str(Path(orders).absolute())
    try:
        return _do(sys.argv[1], run_date, Console(soft_wrap=True, highlight=False))
    except KeyboardInterrupt:
        return 130
    except (Permanent, Retryable) as failed:
        print(f"Failed: {failed}", file=sys.stderr)
        return 1


def _do(command: str, run_date: date | None, console: Console) -> int:
    settings = get_settings()
    find_orders(settings)
    open_warehouse().prepare()
    if command == "docs" or run_date is None:
        from deployments.sql.docs import generate, serve

        serve(generate(settings, run_date), settings.dbt.docs_port, console)
        return 0
    from deployments.sql.build import build

    build(run_date, settings, console, full_refresh=os.environ.get("FULL_REFRESH", "") not in ("", "0"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
