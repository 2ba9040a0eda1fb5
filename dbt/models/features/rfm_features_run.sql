{{ config(materialized="table", tags=["run"], hours_to_expiration=run_hours()) }}

-- depends_on: {{ ref("order_intake") }}
select
    customer_id,
    {{ run_date() }} as run_date,
    cast({{ dbt.datediff("max(case when amount > 0 then order_date end)", run_date(), "day") }} as integer) as recency,
    cast(count(case when amount > 0 then 1 end) as integer) as frequency,
    {{ as_total("sum(amount)") }} as monetary,
    count(*) as orders
from {{ ref("stg_orders") }}
where order_date > cast({{ dbt.dateadd("day", -1 * var("window_days"), run_date()) }} as date)
group by customer_id
