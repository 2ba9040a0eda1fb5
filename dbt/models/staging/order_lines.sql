with
    lines as (
        select
            {% if var("order_id_column") -%} {{ as_id("line." ~ column("order_id_column"), var("order_id_column")) }}
            {%- else -%} cast(row_number() over () as {{ dbt.type_string() }})
            {%- endif %} as order_id,
            {{ as_id("line." ~ column("customer_id_column"), var("customer_id_column")) }} as customer_id,
            {{ as_business_date("line." ~ column("order_date_column")) }} as order_date,
            {{ is_missing("line." ~ column("order_date_column")) }} as date_is_missing,
            {{ as_money("line." ~ column("amount_column")) }} as amount,
            {{ is_missing("line." ~ column("amount_column")) }} as amount_is_missing,
            {{ is_finite("line." ~ column("amount_column")) }} as amount_is_finite,
            {{ is_number("line." ~ column("amount_column")) }} as amount_is_number,
            {% if var("lines_are_unique") -%} row_number() over (partition by {{ whole_row("line") }} order by 1)
            {%- else -%} 1
            {%- endif %} as copy,
            cast(line.{{ column("order_date_column") }} as {{ dbt.type_string() }}) as order_date_as_read,
            cast(line.{{ column("amount_column") }} as {{ dbt.type_string() }}) as amount_as_read
        from {{ source("raw", "orders") }} as line
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
        when date_is_missing
        then 'missing_date'
        when order_date is null
        then 'unreadable_date'
        when amount_is_missing
        then 'missing_amount'
        when not amount_is_finite
        then 'not_finite_amount'
        when amount is null and amount_is_number
        then 'amount_too_large'
        when amount is null
        then 'unreadable_amount'
        when copy > 1
        then 'duplicate'
    end as reason,
    order_date_as_read,
    amount_as_read
from lines
