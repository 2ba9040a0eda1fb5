select order_id, customer_id, order_date_as_read as order_date, amount_as_read as amount, reason
from {{ ref("order_lines") }}
where reason is not null
