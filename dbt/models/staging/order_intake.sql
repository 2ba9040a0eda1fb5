{{ config(materialized="table") }}

select
    coalesce(reason, 'accepted') as outcome,
    count(*) as lines,
    max(case when order_date <= {{ run_date() }} then order_date end) as newest_order_date,
    {{ source_version() }} as source_version
from {{ ref("order_lines") }}
group by 1
