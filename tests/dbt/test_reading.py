"""How the lines of CSV and Parquet files are read, and which are rejected for what."""

import math
import random
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest

from workload.sql import SqlFailed

D = Decimal
JUNE_30 = date(1998, 6, 30)

BAD_CSV = """\
Order No;Customer's "Id";Day;Worth
1;ann;1998-06-29;10.005
2;ann;1998-06-30T08:00:00;"7"
3;;1998-06-30;5
4;bob;;5
5;bob;1998-02-30;5
6;bob;30/06/1998;5
7;bob;1998-06-30;
8;bob;1998-06-30;12,50
9;bob;1998-06-30;nan
10;bob;1998-06-30;Infinity
11;bob;1998-06-30;1e30
;bob;1998-06-30;5
13;7;1998-06-30;5
14;007;1998-06-30;1e1
"""


def test_bad_lines_are_rejected_with_a_reason_and_counted(shop):
    shop.source = {
        "order_id_column": "order no",
        "customer_id_column": 'Customer\'s "Id"',
        "order_date_column": "Day",
        "amount_column": "Worth",
    }
    shop.deliver_text(BAD_CSV, name="orders of [1998], it's bad.csv")

    facts = shop.run(JUNE_30)

    reasons = shop.query("select order_id, reason from rejected_orders order by try_cast(order_id as integer)")
    assert reasons == [
        ("3", "missing_customer"),
        ("4", "missing_date"),
        ("5", "unreadable_date"),
        ("6", "unreadable_date"),
        ("7", "missing_amount"),
        ("8", "unreadable_amount"),
        ("9", "not_finite_amount"),
        ("10", "not_finite_amount"),
        ("11", "amount_too_large"),
        (None, "missing_order_id"),
    ]
    assert {name: value for name, value in facts.items() if name.startswith("rejected_")} == {
        "rejected_missing_customer": 1,
        "rejected_missing_date": 1,
        "rejected_unreadable_date": 2,
        "rejected_missing_amount": 1,
        "rejected_unreadable_amount": 1,
        "rejected_not_finite_amount": 2,
        "rejected_amount_too_large": 1,
        "rejected_missing_order_id": 1,
    }
    assert (facts["rows_in"], facts["lines_accepted"], facts["lines_rejected"]) == (14, 4, 10)
    assert shop.features(JUNE_30) == [("007", 0, 1, D(10)), ("7", 0, 1, D(5)), ("ann", 0, 2, D("17.01"))]


@pytest.mark.parametrize(("kind", "shown"), [("double", repr), ("varchar", str)])
def test_amounts_are_rounded_half_up_on_the_decimals_a_person_sees(shop, kind, shown):
    random.seed(3)
    halves = [random.randrange(-(10**7), 10**7) / 1000 for _ in range(3000)]
    amounts = [1.005, 2.675, -0.005, 0.005, -1.005, 1.0049999999, 0.1 + 0.2, 1e9 + 0.005, 123456789012.345]
    amounts += [random.uniform(-1e6, 1e6) for _ in range(500)] + [math.nan, math.inf] + halves
    if kind == "varchar":
        amounts = [shown(amount) for amount in amounts]
    lines = [(str(number), "a", JUNE_30, amount) for number, amount in enumerate(amounts)]
    shop.deliver(lines, {"order_id": "varchar", "customer_id": "varchar", "order_date": "date", "amount": kind})

    facts = shop.run(JUNE_30)

    read = dict(shop.query("select order_id, amount from stg_orders"))
    finite = {number: amount for number, _, _, amount in lines if math.isfinite(float(amount))}
    assert read == {number: D(shown(amount)).quantize(D("0.01"), ROUND_HALF_UP) for number, amount in finite.items()}
    assert facts["rejected_not_finite_amount"] == 2


def test_parquet_types_are_read_as_they_are(shop):
    shop.deliver(
        [(1.0, 42, "1998-06-29T14:30:00Z", 2.675), (2.0, 42, "1998-06-30T13:59:59Z", 1.0), (3.0, 42, None, 1.0)],
        {"order_id": "double", "customer_id": "bigint", "order_date": "timestamptz", "amount": "float"},
    )
    shop.run(JUNE_30)
    assert shop.query("select * from stg_orders order by 1") == [
        ("1", "42", JUNE_30, D("2.68")),
        ("2", "42", JUNE_30, D("1.00")),
    ]

    shop.deliver(
        [(1, 7.0, "1998-06-30 23:59:59", D("1.0050")), (2, math.nan, "1998-06-30", D(1))],
        {"order_id": "integer", "customer_id": "double", "order_date": "timestamp_ns", "amount": "decimal(18, 4)"},
    )
    shop.run(JUNE_30, attempt=2)
    assert shop.query("select * from stg_orders") == [("1", "7", JUNE_30, D("1.01"))]
    assert shop.query("select reason from rejected_orders") == [("missing_customer",)]


def test_times_are_days_of_the_business_time_zone_over_both_clock_changes(shop):
    """Sydney is UTC+11 until 29 March 1998, 3:00, and again from 25 October 1998, 2:00; between them UTC+10."""
    shop.deliver(
        [
            ("summer", "a", "1998-03-28T12:59:59Z", "1"),
            ("summer, next day", "a", "1998-03-28T13:00:00Z", "1"),
            ("winter", "a", "1998-03-29 13:59:59+00:00", "1"),
            ("winter, next day", "a", "1998-03-29 14:00:00+0000", "1"),
            ("spring", "a", "1998-10-24T13:59:59Z", "1"),
            ("spring, next day", "a", "1998-10-24T14:00:00Z", "1"),
            ("summer again", "a", "1998-10-25T12:59:59Z", "1"),
            ("summer again, next day", "a", "1998-10-25T13:00:00Z", "1"),
            ("no zone", "a", "1998-03-28 23:59:59", "1"),
            ("no zone, next day", "a", "1998-03-29 00:00:00", "1"),
            ("own zone", "a", "1998-03-28T23:59:59+11:00", "1"),
        ],
        dict.fromkeys(("order_id", "customer_id", "order_date", "amount"), "varchar"),
    )
    shop.run(date(1998, 12, 31))
    assert dict(shop.query("select order_id, order_date from stg_orders")) == {
        "summer": date(1998, 3, 28),
        "summer, next day": date(1998, 3, 29),
        "winter": date(1998, 3, 29),
        "winter, next day": date(1998, 3, 30),
        "spring": date(1998, 10, 24),
        "spring, next day": date(1998, 10, 25),
        "summer again": date(1998, 10, 25),
        "summer again, next day": date(1998, 10, 26),
        "no zone": date(1998, 3, 28),
        "no zone, next day": date(1998, 3, 29),
        "own zone": date(1998, 3, 28),
    }


@pytest.mark.parametrize("broken", ["4,secret name,1998-06-30,1,5", "4,secret name"])
def test_a_broken_csv_line_stops_the_step_and_is_named_without_its_text(shop, broken):
    good = "".join(f"{number},a,1998-06-30,1\n" for number in range(3))
    shop.deliver_text(f"order_id,customer_id,order_date,amount\n{good}{broken}\n")
    with pytest.raises(SqlFailed, match="line 5 of the orders file") as error:
        shop.run(JUNE_30)
    assert "secret" not in str(error.value)
    assert shop.query("select * from run_ledger") == []
