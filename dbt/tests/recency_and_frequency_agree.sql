{{
    config(
        description="A customer has a recency exactly when there is a purchase, and no fewer orders than purchases."
    )
}}

select customer_id
from {{ ref("rfm_features_run") }}
where (recency is null) <> (frequency = 0) or orders < frequency
