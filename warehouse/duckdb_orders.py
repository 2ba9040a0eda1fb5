"""Looks from the results back to the orders: those of one customer, and what they would give today.

The view order_lines is dbt's: every line of the orders file as it is now, judged by the rules of the last run of
the step features. Orders as of a day are made of it as stg_orders makes them.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import duckdb

from warehouse.warehouse import ChangedFeatures, Order

ORDERS_AS_OF = """
select order_id, customer_id, min(order_date) as order_date, sum(amount) as amount
from order_lines
where reason is null and order_date <= $run_date {more}
group by order_id, customer_id
having min(order_date) > $window_start
"""


def orders_of(connection: duckdb.DuckDBPyConnection, customer_id: str, run_date: date, window_days: int) -> list[Order]:
    rows = connection.execute(
        f"""
        select order_id, order_date, cast(amount as decimal(18, 2))
        from ({ORDERS_AS_OF.format(more="and customer_id = $customer_id")})
        order by order_date desc, order_id
        """,  # noqa: S608
        {**_window(run_date, window_days), "customer_id": customer_id},
    ).fetchall()
    return [Order(*row) for row in rows]


def changed_features(connection: duckdb.DuckDBPyConnection, days: Mapping[date, int]) -> list[ChangedFeatures]:
    """The orders file is read once for all days."""
    connection.execute(
        """
        create temp table order_lines as
        select order_id, customer_id, order_date, amount, reason from order_lines where reason is null
        """
    )
    counted = [_count_changed(connection, run_date, window_days) for run_date, window_days in sorted(days.items())]
    return [one for one in counted if one.changed]


def _count_changed(connection: duckdb.DuckDBPyConnection, run_date: date, window_days: int) -> ChangedFeatures:
    [(changed, customers)] = connection.execute(
        f"""
        with features_now as (
            select
                customer_id,
                cast(date_diff('day', max(order_date) filter (amount > 0), $run_date) as integer) as recency,
                count(*) filter (amount > 0) as frequency,
                sum(amount) as monetary
            from ({ORDERS_AS_OF.format(more="")})
            group by customer_id
        ),
        stored as (
            select customer_id, recency, frequency, monetary from rfm_scores where run_date = $run_date
            union all
            select customer_id, recency, frequency, monetary from rfm_rejected where run_date = $run_date
        )
        select
            count(*) filter (
                features_now.customer_id is null or stored.customer_id is null
                or features_now.recency is distinct from stored.recency
                or features_now.frequency is distinct from stored.frequency
                or features_now.monetary is distinct from stored.monetary
            ),
            count(*)
        from features_now full join stored on features_now.customer_id = stored.customer_id
        """,  # noqa: S608
        _window(run_date, window_days),
    ).fetchall()
    return ChangedFeatures(run_date, changed, customers)


def _window(run_date: date, window_days: int) -> dict[str, object]:
    return {"run_date": run_date, "window_start": run_date - timedelta(days=window_days)}
