{{
    config(
        severity="warn",
        description="Warns when the newest order is long before run_date: is the file the right one, and complete?",
    )
}}

select max(newest_order_date) as newest_order_date
from {{ ref("order_intake") }}
where outcome = 'accepted'
having coalesce({{ dbt.datediff("max(newest_order_date)", run_date(), "day") }} > {{ var("orders_due_days") }}, true)
