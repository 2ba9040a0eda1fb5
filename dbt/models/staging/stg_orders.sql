{{ config(tags=["run"], hours_to_expiration=run_hours()) }}

select
    order_id,
    customer_id,
    {% if var("order_id_column") -%} min(order_date) as order_date, sum(amount) as amount
    {%- else -%} order_date, amount
    {%- endif %}
from {{ ref("order_lines") }}
where reason is null and order_date <= {{ run_date() }}
{% if var("order_id_column") -%} group by order_id, customer_id {%- endif %}
