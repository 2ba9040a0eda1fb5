{{
    config(
        description="The orders file is the one that was counted: replaced while it was read, nothing is published."
    )
}}

-- depends_on: {{ ref("rfm_features_run") }}
select source_version
from {{ ref("order_intake") }}
where source_version is distinct from {{ source_version() }}
