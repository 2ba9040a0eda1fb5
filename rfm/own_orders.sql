-- what of each line can be used, and why not: as dbt/models/staging/order_lines.sql
create temp table lines as
with
    parsed as (
        select
            *,
            case
                when day < '0001'
                then null
                when regexp_full_match(day, $local)
                then try_cast(try_cast(day as timestamp) as date)
                when regexp_full_match(day, $with_zone)
                then try_cast(try_cast(regexp_replace(day, $with_zone, '\1\2') as timestamptz) as date)
            end as order_date,
            case when regexp_full_match(amount_text, $number) then try_cast(amount_text as decimal(18, 2)) end as amount
        from texts
    )
select
    order_id,
    customer_id,
    order_date,
    amount,
    case
        when order_id is null
        then 'missing_order_id'
        when customer_id is null
        then 'missing_customer'
        when coalesce(day, '') = ''
        then 'missing_date'
        when order_date is null
        then 'unreadable_date'
        when coalesce(amount_text, '') = ''
        then 'missing_amount'
        when amount is null
        then 'unreadable_amount'
    end as reason
from parsed
;

-- the values of each customer as of the day: as dbt/models/features/rfm_features_run.sql
with
    orders as (
        select customer_id, min(order_date) as order_date, sum(amount) as amount
        from lines
        where reason is null and order_date <= $run_date
        group by order_id, customer_id
        having min(order_date) > $window_start
    )
select
    customer_id,
    cast(date_diff('day', max(order_date) filter (amount > 0), $run_date) as integer) as recency,
    cast(count(*) filter (amount > 0) as integer) as frequency,
    cast(sum(amount) * 100 as bigint) as monetary_cents
from orders
group by customer_id
order by customer_id
;
