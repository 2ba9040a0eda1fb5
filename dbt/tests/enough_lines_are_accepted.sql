{{
    config(
        description="More of the lines were rejected than SOURCE_MAX_REJECTED allows: nothing is published.",
    )
}}

select sum(lines) as lines
from {{ ref("order_intake") }}
having sum(case when outcome <> 'accepted' then lines else 0 end) > {{ var("max_rejected") }} * sum(lines)
