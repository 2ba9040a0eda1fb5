"""What rfm_features holds after a run: against a computation of its own, and over reruns."""

import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

D = Decimal
JUNE_30 = date(1998, 6, 30)


def computed(lines, run_date, window_days):
    """The rules of docs/your-orders.md in plain Python. lines: order_id, customer_id, order_date, amount."""
    orders = defaultdict(lambda: [date.max, D(0)])
    for order_id, customer_id, day, amount in lines:
        if customer_id is None or amount is None or day is None or day > run_date:
            continue
        order = orders[order_id, customer_id]
        order[0] = min(order[0], day)
        order[1] += D(repr(amount)).quantize(D("0.01"), ROUND_HALF_UP)
    customers = defaultdict(list)
    for (_, customer_id), (day, amount) in orders.items():
        if run_date - timedelta(window_days) < day:
            customers[customer_id].append((day, amount))
    return sorted(
        (
            customer_id,
            min(((run_date - day).days for day, amount in found if amount > 0), default=None),
            sum(amount > 0 for _, amount in found),
            sum(amount for _, amount in found),
        )
        for customer_id, found in customers.items()
    )


def generated_lines(count, seed):
    """Order lines with refunds, free items, equal lines, orders of several lines, and gaps."""
    random.seed(seed)
    lines = []
    for number in range(count):
        order_id, customer_id = str(number // 2), f"c{random.randrange(count // 6)}"
        if number % 2 and random.random() < 0.7:
            customer_id = lines[-1][1]
        day = JUNE_30 - timedelta(random.randrange(-30, 800))
        amount = random.choice([0.0, -random.randrange(5000) / 100, random.randrange(90000) / 1000, 12.345, 1.005])
        lines.append((order_id, random.choice([customer_id] * 30 + [None]), day, amount))
        if random.random() < 0.05:
            lines.append(lines[-1])
    return lines


def test_features_equal_an_independent_computation(shop):
    lines = generated_lines(6000, seed=7)
    shop.deliver(lines, {"order_id": "varchar", "customer_id": "varchar", "order_date": "date", "amount": "double"})
    for run_date, window_days in ((JUNE_30, 720), (date(1997, 3, 1), 90)):
        facts = shop.run(run_date, window_days=window_days)
        expected = computed(lines, run_date, window_days)
        assert shop.features(run_date) == expected
        assert facts["customers"] == len(expected) > 100
        assert facts["window_days"] == window_days
        assert facts["monetary"] == str(sum(row[3] for row in expected))
        assert facts["rows_in"] == len(lines) == facts["lines_accepted"] + facts["lines_rejected"]
        assert facts["rejected_missing_customer"] == facts["lines_rejected"] == sum(line[1] is None for line in lines)
        assert facts["newest_order"] == str(max(line[2] for line in lines if line[1] and line[2] <= run_date))


def test_a_rerun_replaces_its_own_date_and_nothing_else(shop):
    earlier = JUNE_30 - timedelta(7)
    shop.deliver([("1", "stays", earlier, D(10)), ("2", "drops out", earlier, D(20))])
    shop.run(earlier)
    shop.run(JUNE_30)
    shop.run(JUNE_30)
    assert shop.features(JUNE_30) == [("drops out", 7, 1, D(20)), ("stays", 7, 1, D(10))]

    shop.deliver([("1", "stays", earlier, D(11))])
    shop.run(JUNE_30, attempt=2)

    assert shop.features(JUNE_30) == [("stays", 7, 1, D(11))]
    assert shop.features(earlier) == [("drops out", 0, 1, D(20)), ("stays", 0, 1, D(10))]
    assert shop.query("select run_id, attempt, flow_run_id, run_date from run_ledger order by 1") == [
        ("rfm-1998-06-23-1", 1, "a flow run", earlier),
        ("rfm-1998-06-30-1", 1, "a flow run", JUNE_30),
        ("rfm-1998-06-30-2", 2, "a flow run", JUNE_30),
    ]
    assert shop.query("select distinct run_id from rfm_features where run_date = ?", JUNE_30) == [("rfm-1998-06-30-2",)]


def test_a_day_without_customers_leaves_no_rows(shop):
    shop.deliver([("1", "a", JUNE_30, D(10))])
    shop.run(JUNE_30)
    shop.deliver([("1", "a", date(1990, 1, 1), D(10))])

    facts = shop.run(JUNE_30, attempt=2)

    assert shop.features(JUNE_30) == []
    assert (facts["customers"], facts["orders"], facts["lines_accepted"], facts["monetary"]) == (0, 0, 1, "0.00")
    assert facts["newest_order"] == "1990-01-01"


def test_a_delivery_of_which_no_line_is_accepted_has_no_newest_order(shop):
    shop.deliver([("1", None, JUNE_30, D(10))])

    assert shop.run(JUNE_30)["newest_order"] is None


def test_without_order_ids_every_row_is_an_order(shop):
    shop.source = {"order_id_column": ""}
    shop.deliver([("a", JUNE_30, D(10)), ("a", JUNE_30, D(10)), ("a", JUNE_30, D(-5))], _without_ids())

    facts = shop.run(JUNE_30)

    assert shop.features(JUNE_30) == [("a", 0, 2, D(15))]
    assert facts["orders"] == 3


def test_exact_copies_are_rejected_only_where_lines_are_unique(shop):
    shop.deliver([("1", "a", JUNE_30, D(10)), ("1", "a", JUNE_30, D(10))])
    assert shop.run(JUNE_30)["lines_rejected"] == 0
    shop.source = {"lines_are_unique": True}

    facts = shop.run(JUNE_30, attempt=2)

    assert shop.features(JUNE_30) == [("a", 0, 1, D(10))]
    assert facts["rejected_duplicate"] == 1


def _without_ids():
    return {"customer_id": "varchar", "order_date": "date", "amount": "decimal(18, 2)"}
