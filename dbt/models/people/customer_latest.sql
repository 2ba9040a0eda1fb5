select
    customer_id,
    run_date,
    recency,
    frequency,
    monetary,
    r_score,
    f_score,
    m_score,
    segment,
    run_date = max(run_date) over () as is_current
from {{ source("workload", "rfm_scores") }}
where true
qualify row_number() over (partition by customer_id order by run_date desc) = 1
