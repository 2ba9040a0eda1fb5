{#- Text and column names from the settings, safe to stand in SQL whatever characters they have. -#}
{% macro literal(value) -%} {{ "'" ~ (value | string | replace("'", "''")) ~ "'" }} {%- endmacro %}

{% macro date_literal(value) -%} cast({{ literal(value) }} as date) {%- endmacro %}

{% macro column(setting) -%} {{ adapter.quote(var(setting) | replace('"', '""')) }} {%- endmacro %}

{% macro run_date() -%} {{ date_literal(var("run_date")) }} {%- endmacro %}
