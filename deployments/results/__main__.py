"""python -m deployments.results explain|export|recompute|report: what `make explain` and its friends call.

CUSTOMER, RUN_DATE, TO and RUN come from the environment, where make puts them.
"""

import os
import sys
from datetime import date
from pathlib import Path

from rich.console import Console

from deployments.results.recompute import recompute
from deployments.results.show import show_explanation, show_exported
from errors import Permanent, Retryable
from settings import get_settings
from wiring import open_warehouse

COMMANDS = ("explain", "export", "recompute", "report")


class Unclear(Permanent):
    """The command lacks something, or what it was given cannot be read."""


def main() -> int:
    if len(sys.argv) != 2 or sys.argv[1] not in COMMANDS:
        print(f"usage: python -m deployments.results {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        _do(sys.argv[1], Console(soft_wrap=False))
    except Unclear as unclear:
        print(unclear, file=sys.stderr)
        return 2
    except (Permanent, Retryable) as failed:
        print(f"Failed: {failed}", file=sys.stderr)
        return 1
    return 0


def _do(command: str, console: Console) -> None:
    settings, warehouse = get_settings(), open_warehouse()
    if command == "recompute":
        recompute(settings, warehouse, console, run=os.environ.get("RUN", "") not in ("", "0"))
    elif command == "export":
        from workload.export import export

        to = os.environ.get("TO") or str(settings.published.path / "export")
        show_exported(export(warehouse, _address(to), _run_date()), console)
    elif command == "report":
        from workload.figures import looks_of
        from workload.publish_report import report_of_day
        from workload.published import open_published

        made = report_of_day(warehouse, looks_of(settings.report), _run_date())
        page = open_published(settings.published.path, settings.published.bucket).publish_report(made)
        console.print(f"Report       {page}", highlight=False, markup=False, soft_wrap=True)
    else:
        from workload.explain import explain

        customer, run_date = os.environ.get("CUSTOMER", ""), _run_date()
        if not customer or run_date is None:
            raise Unclear("usage: make explain CUSTOMER=00004 RUN_DATE=1998-06-30")
        show_explanation(customer, explain(warehouse, customer, run_date), console)


def _run_date() -> date | None:
    text = os.environ.get("RUN_DATE", "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise Unclear(f"RUN_DATE is {text!r}; a day such as 1998-06-30 is needed") from None


def _address(to: str) -> str:
    return to if "://" in to else str(Path(to).absolute())


if __name__ == "__main__":
    sys.exit(main())
