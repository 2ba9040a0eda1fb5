{{
    config(
        materialized="incremental",
        incremental_strategy="replace_run_date",
        on_schema_change="fail",
        partition_by=(
            {"field": "run_date", "data_type": "date", "granularity": "day"} if target.type == "bigquery" else none
        ),
        cluster_by="customer_id" if target.type == "bigquery" else none,
        post_hook=[
            "{{ refuse_closed_run() }}",
            "{{ forget_ledger_row('features') }}",
            "{{ write_ledger_row('features', features_facts()) }}",
        ],
    )
}}

select customer_id, run_date, recency, frequency, monetary, {{ literal(var("run_id")) }} as run_id
from {{ ref("rfm_features_run") }}
