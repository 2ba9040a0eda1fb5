with
    run_dates as (
        select run_date, lag(run_date) over (order by run_date) as previous_run_date
        from (select distinct run_date from {{ source("workload", "rfm_scores") }}) as scored
    ),

    moves as (
        select run_dates.run_date, run_dates.previous_run_date, scores.customer_id, scores.segment, true as is_new
        from run_dates
        inner join {{ source("workload", "rfm_scores") }} as scores on scores.run_date = run_dates.run_date
        where run_dates.previous_run_date is not null
        union all
        select run_dates.run_date, run_dates.previous_run_date, scores.customer_id, scores.segment, false
        from run_dates
        inner join {{ source("workload", "rfm_scores") }} as scores on scores.run_date = run_dates.previous_run_date
    ),

    customers as (
        select
            run_date,
            previous_run_date,
            customer_id,
            coalesce(max(case when not is_new then segment end), 'not scored') as from_segment,
            coalesce(max(case when is_new then segment end), 'not scored') as to_segment
        from moves
        group by run_date, previous_run_date, customer_id
    )

select run_date, previous_run_date, from_segment, to_segment, count(*) as customers
from customers
group by run_date, previous_run_date, from_segment, to_segment
