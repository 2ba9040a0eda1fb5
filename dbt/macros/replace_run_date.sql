-- fmt: off
{#-
    Incremental strategy: the rows of the run_date are replaced as a whole, in the model's transaction. A day
    without customers leaves no rows, and a customer who dropped out is gone: a strategy that deletes by the
    keys of the new rows could do neither.
-#}
{% macro get_incremental_replace_run_date_sql(arguments) %}
    {%- set columns = get_quoted_csv(arguments["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arguments["target_relation"] }} where run_date = {{ run_date() }};
    insert into {{ arguments["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arguments["temp_relation"] }}
{% endmacro %}
