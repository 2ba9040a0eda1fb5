-- fmt: off
{#- A run that was cancelled or given up (warehouse/closing.py) is refused in the transaction that would commit. -#}
{% macro refuse_closed_run() %}
    select case when count(*) > 0 then error('the run is closed') end
    from {{ source("ledger", "run_ledger") }}
    where run_id = {{ literal(var("run_id")) }} and step = 'closed'
{% endmacro %}
