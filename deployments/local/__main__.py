"""python -m deployments.local run|up|down|status: what `make run` and its friends call.

RUN_DATE, ORDERS and FORCE come from the environment, where make puts them.
"""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from deployments.local.layout import Layout
from errors import Permanent, Retryable
from settings import get_settings

COMMANDS = ("run", "up", "down", "status")


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        print(f"usage: python -m deployments.local {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    if orders := os.environ.get("ORDERS"):
        os.environ["SOURCE_PATH"] = str(Path(orders).absolute())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        return _do(sys.argv[1], Console(soft_wrap=False))
    except KeyboardInterrupt:
        print("Interrupted; everything that was started is ended.", file=sys.stderr)
        return 128 + signal.SIGINT
    except (Permanent, Retryable) as failed:
        print(f"Failed: {failed}", file=sys.stderr)
        return 1


def _do(command: str, console: Console) -> int:
    from deployments.local.run import Wish, run
    from deployments.local.stack import down, up
    from deployments.local.status import status_table

    settings = get_settings()
    layout = Layout(settings.stack.path)
    if command == "run":
        wish = Wish(os.environ.get("RUN_DATE", ""), force=os.environ.get("FORCE", "") not in ("", "0"))
        return 0 if run(settings, wish, console) else 1
    if command == "up":
        record = up(settings, console.print)
        print(f"Prefect UI   {record.prefect_ui}\nInvoker      {record.invoker}\nLogs         {record.logs}")
    elif command == "down":
        print("The stack is down." if down(layout) else "The stack was not up.")
    else:
        table = status_table(layout)
        console.print(table or "The stack is down.")
        return 0 if table else 3
    return 0


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
