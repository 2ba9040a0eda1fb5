{#-
    `dbt source freshness` as of run_date, never of the clock: how long before run_date the newest order is that
    run_date may see. The order date's column is one of the settings, so the field in sources.yml is not used.
-#}
{% macro duckdb__collect_freshness(source, loaded_at_field, filter) %}
    {%- set day = as_business_date(column("order_date_column")) -%}
    {%- call statement("collect_freshness", fetch_result=true, auto_begin=false) -%}
        select cast(max({{ day }}) as timestamp) as max_loaded_at, cast({{ run_date() }} as timestamp) as snapshotted_at
        from {{ source }}
        where {{ day }} <= {{ run_date() }}
    {%- endcall -%}
    {{ return(load_result("collect_freshness")) }}
{% endmacro %}

{% macro bigquery__collect_freshness(source, loaded_at_field, filter) %}
    {{ return(duckdb__collect_freshness(source, loaded_at_field, filter)) }}
{% endmacro %}
