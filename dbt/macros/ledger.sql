-- fmt: off
{#- Post-hooks of the model that a step publishes: they run in its transaction, so data and ledger agree. -#}
{% macro forget_ledger_row(step) %}
    delete from {{ source("ledger", "run_ledger") }}
    where run_id = {{ literal(var("run_id")) }} and step = {{ literal(step) }}
{% endmacro %}

{#- One row for the run and step; `facts` is a query of names and JSON values. -#}
{% macro write_ledger_row(step, facts) %}
    insert into {{ source("ledger", "run_ledger") }}
        (run_id, pipeline, step, run_date, attempt, flow_run_id, facts, committed_at)
    select
        {{ literal(var("run_id")) }},
        {{ literal(var("pipeline")) }},
        {{ literal(step) }},
        {{ run_date() }},
        {{ var("attempt") | int }},
        {{ literal(var("flow_run_id")) }},
        concat('{', string_agg(concat('"', name, '": ', value), ', ' order by name), '}'),
        {{ utc_now() }}
    from ({{ facts }}) as facts
{% endmacro %}

{#- Elsewhere than in production there is no adapter that makes the ledger: it is made like production's. -#}
{% macro make_own_ledger() %}
    {%- if execute and flags.WHICH in ["build", "run"] and target.schema != var("production_schema") -%}
        create table if not exists {{ source("ledger", "run_ledger") }} as
        select * from {{ adapter.quote(var("production_schema")) }}.run_ledger where false
    {%- endif -%}
{% endmacro %}
