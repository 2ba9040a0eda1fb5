-- Orders to scores by hand, with the rules of dbt/ and rfm/rules/quintile.yaml, for a file of known types.
create temp table lines as
select
    order_id,
    customer_id,
    order_date,
    amount,
    case
        when order_id is null or trim(order_id) = '' then 'missing_order_id'
        when customer_id is null or trim(customer_id) = '' then 'missing_customer'
        when order_date is null then 'missing_date'
        when amount is null then 'missing_amount'
    end as reason
from read_parquet('{orders}');

copy (select * from lines where reason is not null) to '{folder}/bare_rejected_orders.parquet';
copy (select coalesce(reason, 'accepted') as outcome, count(*) as lines from lines group by 1)
to '{folder}/bare_intake.parquet';

create temp table features as
with
    orders as (
        select order_id, customer_id, min(order_date) as order_date, sum(amount) as amount
        from lines
        where reason is null and order_date <= date '{run_date}'
        group by order_id, customer_id
    )
select
    customer_id,
    (date '{run_date}' - max(order_date) filter (amount > 0))::integer as recency,
    (count(*) filter (amount > 0))::integer as frequency,
    sum(amount)::decimal(18, 2) as monetary
from orders
where order_date > date '{run_date}' - {window_days}
group by customer_id;

create temp table edges as
select
    quantile_disc(recency, [0.2, 0.4, 0.6, 0.8]) as r,
    quantile_disc(frequency, [0.2, 0.4, 0.6, 0.8]) as f,
    quantile_disc(monetary, [0.2, 0.4, 0.6, 0.8]) as m
from features
where frequency > 0;

copy (
    select
        *,
        case
            when r_score <= 2 and f_score <= 2 then 'hibernating'
            when r_score <= 2 and f_score <= 4 then 'at risk'
            when r_score <= 2 then 'can''t lose'
            when r_score = 3 and f_score <= 2 then 'about to sleep'
            when r_score = 3 and f_score = 3 then 'need attention'
            when r_score = 5 and f_score >= 4 then 'champions'
            when f_score >= 4 then 'loyal'
            when f_score >= 2 then 'potential loyalist'
            when r_score = 4 then 'promising'
            else 'new'
        end as segment
    from (
        select
            features.*,
            5 - (recency > r[1])::int - (recency > r[2])::int - (recency > r[3])::int - (recency > r[4])::int as r_score,
            1 + (frequency > f[1])::int + (frequency > f[2])::int + (frequency > f[3])::int + (frequency > f[4])::int
                as f_score,
            1 + (monetary > m[1])::int + (monetary > m[2])::int + (monetary > m[3])::int + (monetary > m[4])::int as m_score
        from features, edges
        where frequency > 0
    )
) to '{folder}/bare_scores.parquet';

copy (select *, 'no_positive_order' as reason from features where frequency = 0)
to '{folder}/bare_rejected.parquet';
