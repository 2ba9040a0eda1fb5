{#- What the ledger says of the step `features`: counted from what this run has staged, as names and JSON values. -#}
{% macro features_facts() %}
    select 'rows_in' as name, cast(sum(lines) as {{ dbt.type_string() }}) as value
    from {{ ref("order_intake") }}
    union all
    select
        'lines_accepted',
        cast(coalesce(sum(case when outcome = 'accepted' then lines end), 0) as {{ dbt.type_string() }})
    from {{ ref("order_intake") }}
    union all
    select
        'lines_rejected',
        cast(coalesce(sum(case when outcome <> 'accepted' then lines end), 0) as {{ dbt.type_string() }})
    from {{ ref("order_intake") }}
    union all
    select concat('rejected_', outcome), cast(lines as {{ dbt.type_string() }})
    from {{ ref("order_intake") }}
    where outcome <> 'accepted'
    union all
    select 'newest_order', coalesce(max('"' || cast(newest_order_date as {{ dbt.type_string() }}) || '"'), 'null')
    from {{ ref("order_intake") }}
    where outcome = 'accepted'
    union all
    select 'orders', cast(coalesce(sum(orders), 0) as {{ dbt.type_string() }})
    from {{ ref("rfm_features_run") }}
    union all
    select 'customers', cast(count(*) as {{ dbt.type_string() }})
    from {{ ref("rfm_features_run") }}
    union all
    select 'monetary', concat('"', cast(coalesce(sum(monetary), {{ as_total("0") }}) as {{ dbt.type_string() }}), '"')
    from {{ ref("rfm_features_run") }}
    union all
    select 'window_days', '{{ var("window_days") | int }}'
    union all
    select 'tests_passed', '{{ tests_before_publication() }}'
{% endmacro %}

{#- Tests that can stop the publication. dbt skips the model that writes the ledger when one of them has failed. -#}
{% macro tests_before_publication() -%}
    {%- set found = namespace(tests=0) -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == "test" and node.unique_id in selected_resources -%}
            {%- if node.config.severity | lower == "error" -%} {%- set found.tests = found.tests + 1 -%} {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{- found.tests -}}
{%- endmacro %}
