"""Looks from the results back to the orders in BigQuery: those of one customer, and what they would give today.

The view order_lines is dbt's; orders as of a day are made of it as stg_orders makes them.
"""

from collections.abc import Mapping
from datetime import date

from warehouse.bigquery_place import Place
from warehouse.warehouse import ChangedFeatures, Order


def orders_of(place: Place, customer_id: str, run_date: date, window_days: int) -> list[Order]:
    rows = place.rows(
        """
        select order_id, min(order_date) as order_date, sum(amount) as amount
        from order_lines
        where reason is null and order_date <= @run_date and customer_id = @customer_id
        group by order_id
        having min(order_date) > date_sub(@run_date, interval @window_days day)
        order by order_date desc, order_id
        """,
        {"customer_id": customer_id, "run_date": run_date, "window_days": window_days},
    )
    return [Order(*row) for row in rows]


def changed_features(place: Place, days: Mapping[date, int]) -> list[ChangedFeatures]:
    """One query for all days: the orders are read, and billed, once. Each is joined to the days whose window it is in:
    an order is in the window by its first line, so that a line alone does not tell."""
    listed = ", ".join(
        f"struct(date '{run_date}' as run_date, {int(window)} as window_days)" for run_date, window in days.items()
    )
    rows = place.rows(
        f"""
        with
            days as (select run_date, window_days from unnest([{listed}])),
            lines as (
                select
                    order_id, customer_id, order_date, amount,
                    min(order_date) over (partition by order_id, customer_id) as first_date
                from order_lines where reason is null
            ),
            orders as (
                select
                    days.run_date, order_id, customer_id, any_value(first_date) as order_date, sum(amount) as amount
                from lines inner join days
                    on order_date <= days.run_date
                    and first_date > date_sub(days.run_date, interval days.window_days day)
                group by days.run_date, order_id, customer_id
            ),
            features_now as (
                select
                    run_date, customer_id, countif(amount > 0) as frequency, sum(amount) as monetary,
                    date_diff(run_date, max(if(amount > 0, order_date, null)), day) as recency
                from orders
                group by run_date, customer_id
            ),
            stored as (
                select run_date, customer_id, recency, frequency, monetary from rfm_scores
                where run_date in (select run_date from days)
                union all
                select run_date, customer_id, recency, frequency, monetary from rfm_rejected
                where run_date in (select run_date from days)
            )
        select
            coalesce(features_now.run_date, stored.run_date) as day,
            countif(
                features_now.customer_id is null or stored.customer_id is null
                or features_now.recency is distinct from stored.recency
                or features_now.frequency is distinct from stored.frequency
                or features_now.monetary is distinct from stored.monetary
            ) as changed,
            count(*) as customers
        from features_now full join stored
            on features_now.run_date = stored.run_date and features_now.customer_id = stored.customer_id
        group by day
        order by day
        """,  # noqa: S608
    )
    return [one for row in rows if (one := ChangedFeatures(*row)).changed]
