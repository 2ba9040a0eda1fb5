select
    run_date,
    segment,
    count(*) as customers,
    count(*) / sum(count(*)) over (partition by run_date) as share,
    sum(frequency) as orders,
    sum(monetary) as revenue,
    {{ median("recency") }} as median_recency,
    {{ median("frequency") }} as median_frequency,
    {{ median_money("monetary") }} as median_monetary
from {{ source("workload", "rfm_scores") }}
group by run_date, segment
