"""What looks back from the results to the orders counts as dbt counts."""

from datetime import date, timedelta
from decimal import Decimal

from warehouse.duckdb import DuckDBWarehouse

RUN_DATE = date(2024, 2, 29)
WINDOW = 30
LINES = [
    ("1", "ann", RUN_DATE, "5.00"),
    ("1", "ann", RUN_DATE - timedelta(days=31), "7.50"),
    ("1", "bob", RUN_DATE - timedelta(days=29), "2.00"),
    ("2", "bob", RUN_DATE - timedelta(days=1), "-3.00"),
    ("3", "cat", RUN_DATE - timedelta(days=30), "9.00"),
    ("4", "dan", RUN_DATE, "-1.00"),
    ("5", "eve", RUN_DATE, "0.00"),
    ("6", "eve", RUN_DATE + timedelta(days=1), "8.00"),
    ("7", None, RUN_DATE, "8.00"),
]


def as_scores(shop):
    """The features, put where recompute looks for what was scored."""
    shop.query(
        """
        insert into rfm_rejected
        select customer_id, run_date, recency, frequency, monetary, 'no_positive_order', run_id from rfm_features
        """
    )


def test_features_counted_anew_are_those_that_dbt_has_built_and_only_late_orders_change_them(shop):
    shop.deliver(LINES)
    shop.run(RUN_DATE, window_days=WINDOW)
    assert len(shop.features(RUN_DATE)) == 3
    as_scores(shop)
    warehouse = DuckDBWarehouse(shop.warehouse, lock_wait=5)

    assert warehouse.changed_features({RUN_DATE: WINDOW}) == []
    for customer, recency, frequency, monetary in shop.features(RUN_DATE):
        orders = warehouse.orders_of(customer, RUN_DATE, window_days=WINDOW)
        bought = [order.order_date for order in orders if order.amount > 0]
        assert recency == ((RUN_DATE - max(bought)).days if bought else None)
        assert (frequency, monetary) == (len(bought), sum((order.amount for order in orders), Decimal(0)))

    shop.deliver([*LINES, ("8", "cat", RUN_DATE, "1.00")])
    [touched] = warehouse.changed_features({RUN_DATE: WINDOW})
    assert (touched.run_date, touched.changed, touched.customers) == (RUN_DATE, 1, 4)
