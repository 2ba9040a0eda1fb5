{{
    config(
        severity="warn",
        description="Warns when more than a fifth of the lines were rejected: look at rejected_orders.",
    )
}}

select sum(lines) as lines
from {{ ref("order_intake") }}
having sum(case when outcome <> 'accepted' then lines else 0 end) > 0.2 * sum(lines)
