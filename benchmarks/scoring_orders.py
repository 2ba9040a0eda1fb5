"""Orders for the scoring benchmark: the same for the same count, on every machine."""

from datetime import date
from pathlib import Path

import duckdb

RUN_DATE = date(2024, 12, 31)
WINDOW_DAYS = 720
DAYS = 1096
"""Three years, of which the window takes the last 720 days."""
ORDERS_PER_CUSTOMER = 6
TAIL = 2.5
"""A customer's number is a uniform share to this power: few customers with very many orders, many with one."""

ORDERS = """
with
    lines as (
        -- every twentieth order has a second line
        select range as line, range - (range % 20 = 19)::int as number from range({orders})
    ),
    shares as (
        select
            line, number,
            hash(number, 'customer') / 18446744073709551616.0 as customer_share,
            hash(number, 'date') % {days} as days_before,
            hash(line, 'amount') / 18446744073709551616.0 as amount_share,
            hash(line, 'kind') % 1000 as kind
        from lines
    )
select
    'o' || number as order_id,
    case when kind <> 0 then 'c' || floor(pow(customer_share, {tail}) * {customers})::bigint end as customer_id,
    case when kind <> 1 then date '{run_date}' - days_before::int end as order_date,
    case
        when kind = 2 then null
        when kind < 10 then 0
        when kind < 40 then -round(200 * amount_share, 2)
        else round(5 / (1.0001 - amount_share), 2)
    end::decimal(18, 2) as amount
from shares
"""


def write_orders(path: Path, orders: int) -> None:
    """Text ids, a date, a decimal; one line in a thousand each lacks the customer, the date or the amount."""
    query = ORDERS.format(
        orders=orders, days=DAYS, tail=TAIL, customers=max(1, orders // ORDERS_PER_CUSTOMER), run_date=RUN_DATE
    )
    beside = path.with_name(f".{path.name}")
    with duckdb.connect() as memory:
        memory.execute(f"copy ({query}) to '{beside}' (format parquet, compression zstd)")
    beside.replace(path)
