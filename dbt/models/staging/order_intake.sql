{{ config(materialized="table") }}

select coalesce(reason, 'accepted') as outcome, count(*) as lines, {{ source_version() }} as source_version
from {{ ref("order_lines") }}
group by 1
