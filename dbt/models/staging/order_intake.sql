{{ config(materialized="table", tags=["run"], hours_to_expiration=run_hours()) }}

select
    coalesce(reason, 'accepted') as outcome,
    count(*) as lines,
    max(case when order_date <= {{ run_date() }} then order_date end) as newest_order_date,
    {{ source_version() }} as source_version
from {{ ref("order_lines") }}
group by 1
