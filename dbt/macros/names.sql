{#- Names from the settings, safe to stand in SQL whatever characters they have. -#}
{% macro date_literal(value) -%} cast({{ literal(value) }} as date) {%- endmacro %}

{% macro column(setting) -%} {{ adapter.quote(var(setting) | replace('"', '""')) }} {%- endmacro %}

{% macro run_date() -%} {{ date_literal(var("run_date")) }} {%- endmacro %}

{#-
    Tables and views of one run have names of their own where runs of two dates can be under way at once: two
    could otherwise test and publish each other's rows. They begin like all staging, so that they are found.
-#}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- set name = custom_alias_name or node.name -%}
    {%- if var("run_suffix", "") and "run" in node.tags -%} staging_{{ var("run_suffix") }}_{{ name }}
    {%- else -%} {{ name }}
    {%- endif -%}
{%- endmacro %}

{#- Where they have names of their own, they end by themselves. -#}
{% macro run_hours() -%} {{ return(24 if var("run_suffix", "") else none) }} {%- endmacro %}
