"""Lines that are odd, and what becomes of each, whatever database reads them: docs/your-orders.md is the rule."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

D = Decimal
DAY = date(1998, 6, 30)


@dataclass(frozen=True)
class Line:
    """What is read of the day and the amount, and the reason when the line is refused; then what was delivered.

    BigQuery's stand-in can hold three decimals and fifteen digits before them; some amounts are `beyond_stand_in`.
    """

    name: str
    day: date | None
    money: str | None
    reason: str | None = None
    order_date: Any = "1998-06-30"
    amount: Any = "1"
    customer_id: Any = "c"
    order_id: Any = ""
    beyond_stand_in: bool = False
    customer: str | None = "c"

    @property
    def id(self) -> Any:
        return self.name if self.order_id == "" else self.order_id

    @property
    def as_read(self) -> tuple[Any, ...]:
        """order_id, customer_id, order_date, amount, reason."""
        order = None if self.reason == "missing_order_id" else self.id
        customer = None if self.reason == "missing_customer" else self.customer
        return order, customer, self.day, self.money and D(self.money), self.reason


def dated(order_date: Any, day: date | None, reason: str | None = None) -> Line:
    return Line(f"day {order_date!r}", day, "1.00", reason if day is None else None, order_date=order_date)


def worth(amount: Any, money: str | None, reason: str | None = None, **more: Any) -> Line:
    return Line(f"amount {amount!r}", DAY, money, reason, amount=amount, **more)


def unreadable(*days: str) -> list[Line]:
    return [dated(text, None, "unreadable_date") for text in days]


def refused(reason: str, *amounts: Any) -> list[Line]:
    return [worth(amount, None, reason) for amount in amounts]


TEXT_DAYS = [
    dated("1998-06-30", DAY),
    dated(" \t1998-06-30\r\n", DAY),
    dated("1998-06-30 00:00:00", DAY),
    dated("1998-06-30T23:59:59", DAY),
    dated("1998-06-30 23:59", DAY),
    dated("1998-06-30 23:59:59.999999", DAY),
    dated("1998-06-30 23:59:59.9999999", DAY),
    # Sydney is UTC+10, and UTC+11 in summer: until 29 March 1998, 3:00, and again from 25 October 1998, 2:00
    dated("1998-06-30T13:59:59Z", DAY),
    dated("1998-06-30T14:00:00Z", date(1998, 7, 1)),
    dated("1998-03-28 12:59:59+00:00", date(1998, 3, 28)),
    dated("1998-03-28 13:00:00+0000", date(1998, 3, 29)),
    dated("1998-03-29 13:59:59 +00", date(1998, 3, 29)),
    dated("1998-03-29 14:00 Z", date(1998, 3, 30)),
    dated("1998-10-24T13:59:59Z", date(1998, 10, 24)),
    dated("1998-10-24T14:00:00Z", date(1998, 10, 25)),
    dated("1998-10-25T12:59:59.5Z", date(1998, 10, 25)),
    dated("1998-10-25T13:00:00Z", date(1998, 10, 26)),
    dated("1998-03-28T23:59:59+11:00", date(1998, 3, 28)),
    dated("1998-06-30T23:59:59-12:00", date(1998, 7, 1)),
    dated("1998-07-01T00:00:00+14:00", DAY),
    dated("1998-06-30T05:29:59+05:30", DAY),
    # an hour that never was and one that was twice are of their day all the same
    dated("1998-03-29 02:30:00", date(1998, 3, 29)),
    dated("1998-10-25 02:30:00", date(1998, 10, 25)),
    dated("2024-02-29", date(2024, 2, 29)),
    dated("2024-02-28T13:00:00Z", date(2024, 2, 29)),
    dated("2024-02-29T13:00:00Z", date(2024, 3, 1)),
    dated("2000-02-29 12:00:00", date(2000, 2, 29)),
    dated("0001-01-01", date(1, 1, 1)),
    dated("9999-12-31", date(9999, 12, 31)),
    *unreadable("1900-02-29", "1998-02-29", "1998-13-01", "1998-06-31", "0000-01-01", "0000-06-30 12:00:00"),
    *unreadable("1998-06-30 24:00:00", "1998-06-30 25:00:00", "1998-06-30 23:60:00", "1998-06-30T23:59:60"),
    *unreadable("1998-06-30T23:59:60Z", "1998-06-30 08:00:00+15:00", "1998-06-30 08:00:00+14:30"),
    *unreadable("1998-06-30 08:00:00+99", "1998-06-30 08:00:00 UTC", "1998-06-30T08", "1998-06-30T", "1998-6-30"),
    *unreadable("19980630", "98-06-30", "30.06.1998", "06/30/1998", "30 Jun 1998", "899164800", "now", "today"),
    *unreadable(
        "infinity", "epoch", "1998-06-30 (BC)", "-1998-06-30", "\u0661998-06-30", "1998-06-30\xa0", "NaN", "null"
    ),
    dated("", None, "missing_date"),
    dated(" \t ", None, "missing_date"),
    dated(None, None, "missing_date"),
]

TEXT_AMOUNTS = [
    worth("0", "0.00"),
    worth("-0", "0.00"),
    worth("-5", "-5.00"),
    worth("+5", "5.00"),
    worth(" 5\t", "5.00"),
    worth("5.", "5.00"),
    worth(".5", "0.50"),
    worth("007", "7.00"),
    worth("1e3", "1000.00"),
    worth("1E+3", "1000.00"),
    worth("1.5e-1", "0.15"),
    worth("1.005", "1.01"),
    worth("-1.005", "-1.01"),
    worth("2.675", "2.68"),
    worth("0.004", "0.00"),
    worth("-0.004", "0.00"),
    worth("1.0049999", "1.00", beyond_stand_in=True),
    worth("1e-400", "0.00", beyond_stand_in=True),
    worth("999999999999999.99", "999999999999999.99"),
    worth("-999999999999999.994", "-999999999999999.99"),
    worth("9999999999999999.99", "9999999999999999.99", beyond_stand_in=True),
    worth("-9999999999999999.99", "-9999999999999999.99", beyond_stand_in=True),
    worth("9999999999999999.994", "9999999999999999.99", beyond_stand_in=True),
    *refused("amount_too_large", "9999999999999999.995", "1e16", "-1e17", "1e30", "1e400", "-1e400"),
    *refused("not_finite_amount", "NaN", "nan", "-nan", "inf", "+inf", "-inf", "Infinity", "-INFINITY", " nan "),
    *refused("unreadable_amount", "12,50", "1,000.00", "1_000", "$5", "5 EUR", "0x10", "1/2", "--5", "5-", "1e", "e5"),
    *refused("unreadable_amount", "true", "none", "null", "\u0665", "5\xa0", ".", "+", "1 000", "1998-06-30"),
    *refused("missing_amount", "", " \t ", None),
]

QUOTED = 'O\'Brien \\ "Söhne" `x` {{ y }} 🙂'
TEXT_IDS = [
    Line("no customer", DAY, "1.00", "missing_customer", customer_id=None),
    Line("empty customer", DAY, "1.00", "missing_customer", customer_id=""),
    Line("blank customer", DAY, "1.00", "missing_customer", customer_id=" \t\r\n"),
    Line("no order", DAY, "1.00", "missing_order_id", order_id=None),
    Line("blank order", DAY, "1.00", "missing_order_id", order_id="  "),
    Line("quoted", DAY, "1.00", customer_id=QUOTED, customer=QUOTED),
    Line("leading zeros", DAY, "1.00", customer_id="007", customer="007"),
    Line("not trimmed", DAY, "1.00", customer_id=" 7 ", customer=" 7 "),
    Line("several reasons", None, None, "missing_customer", order_date="x", amount="x", customer_id=""),
]

TEXT = [*TEXT_DAYS, *TEXT_AMOUNTS, *TEXT_IDS]
"""All columns are text, as in a CSV file: also numbers and words in one column."""


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


MIDNIGHT = moment("1998-06-30T00:00:00")


def bought(customer_id: Any, customer: str | None, order_date: Any, amount: Any, **read: Any) -> Line:
    """A line of typed columns. `customer` is the id as text; what is not said to be read otherwise is refused."""
    line = {"day": DAY, "money": None, **read}
    name = f"{customer_id} {order_date} {amount}"
    return Line(name, order_date=order_date, amount=amount, customer_id=customer_id, customer=customer, **line)


BINARY = [
    bought(1.0, "1", moment("1998-06-30T13:59:59"), 0.0, money="0.00"),
    bought(1.0, "1", moment("1998-06-30T14:00:00"), -5.0, money="-5.00", day=date(1998, 7, 1)),
    bought(1e15, "1000000000000000", moment("1998-03-28T13:00:00"), 1.005, money="1.01", day=date(1998, 3, 29)),
    bought(2.5, "2.5", moment("2024-02-28T13:00:00.000001"), 2.675, money="2.68", day=date(2024, 2, 29)),
    bought(1e18, "1000000000000000000", MIDNIGHT, 123456789012.345, money="123456789012.35"),
    bought(-0.0, "0", MIDNIGHT, -0.0, money="0.00"),
    bought(1e300, "1e+300", MIDNIGHT, 1.0, money="1.00"),
    bought(1.0, "1", MIDNIGHT, math.nan, reason="not_finite_amount"),
    bought(1.0, "1", MIDNIGHT, -math.inf, reason="not_finite_amount"),
    bought(9.1e18, "9100000000000000000", MIDNIGHT, 1e300, reason="amount_too_large"),
    bought(1.0, "1", MIDNIGHT, None, reason="missing_amount"),
    bought(1.0, "1", None, 1.0, money="1.00", day=None, reason="missing_date"),
    bought(None, None, MIDNIGHT, 1.0, money="1.00", reason="missing_customer"),
    bought(math.nan, None, MIDNIGHT, 1.0, money="1.00", reason="missing_customer"),
]
"""Moments with a zone, and binary numbers, also for the customer."""

LARGEST = D("999999999999999.99")
EXACT = [
    bought(7, "7", date(2024, 2, 29), D("0.10"), money="0.10", day=date(2024, 2, 29)),
    bought(-(2**63), str(-(2**63)), DAY, LARGEST, money=str(LARGEST)),
    bought(2**63 - 1, str(2**63 - 1), DAY, D("-0.01"), money="-0.01"),
    bought(7, "7", None, D(1), money="1.00", day=None, reason="missing_date"),
    bought(7, "7", DAY, None, reason="missing_amount"),
    bought(None, None, DAY, D(1), money="1.00", reason="missing_customer"),
    bought(8, "8", DAY, D(1), money="1.00", order_id="twice"),
    bought(8, "8", DAY, D(1), money="1.00", order_id="twice", reason="duplicate"),
]
"""Dates, decimals and whole numbers; no line may stand there twice."""
