"""Queries over the committed scores of a run_date in BigQuery, for those who use the segments."""

CUSTOMER_ROW = """
select run_id, recency, frequency, monetary, r_score, f_score, m_score, segment, cast(null as string) as reason
from rfm_scores where run_date = @run_date and customer_id = @customer_id
union all
select run_id, recency, frequency, monetary, null, null, null, null, reason
from rfm_rejected where run_date = @run_date and customer_id = @customer_id
"""
CURRENT_SEGMENTS = """
select customer_id, segment, r_score, f_score, m_score, recency, frequency, monetary
from rfm_scores where run_date = @run_date order by customer_id
"""
SEGMENT_CHANGES = """
with
    old as (select customer_id, segment from rfm_scores where run_date = @before),
    new as (select customer_id, segment from rfm_scores where run_date = @run_date)
select
    coalesce(new.customer_id, old.customer_id) as customer_id,
    old.segment as from_segment,
    new.segment as to_segment
from old full join new on old.customer_id = new.customer_id
where old.segment is distinct from new.segment
order by 1
"""
REJECTED_ROWS = """
select customer_id, recency, frequency, cast(cast(monetary as bignumeric) * 100 as int64) as monetary_cents, reason
from rfm_rejected where run_date = @run_date and customer_id <> '' order by customer_id
"""
SEGMENT_SUMMARY = """
select
    segment, count(*), count(*) / sum(count(*)) over (), sum(frequency), sum(monetary),
    any_value(median_recency), any_value(median_frequency), round(any_value(median_monetary), 2)
from (
    select
        segment, frequency, monetary,
        percentile_cont(recency, 0.5) over (partition by segment) as median_recency,
        percentile_cont(frequency, 0.5) over (partition by segment) as median_frequency,
        percentile_cont(monetary, 0.5) over (partition by segment) as median_monetary
    from rfm_scores where run_date = @run_date
) as scores
group by segment
"""
SCORE_CELLS = """
select r_score, f_score, count(*), sum(monetary), round(any_value(median_monetary), 2)
from (
    select r_score, f_score, monetary,
        percentile_cont(monetary, 0.5) over (partition by r_score, f_score) as median_monetary
    from rfm_scores where run_date = @run_date
) as scores
group by r_score, f_score order by r_score, f_score
"""
SEGMENT_MOVES = """
with
    old as (select customer_id, segment from rfm_scores where run_date = @before),
    new as (select customer_id, segment from rfm_scores where run_date = @run_date)
select old.segment as before, new.segment as now, count(*) as customers
from old full join new on old.customer_id = new.customer_id
group by before, now
order by before nulls last, now nulls last
"""
"""Medians are exact: percentile_cont over all values, never an approximate quantile."""
