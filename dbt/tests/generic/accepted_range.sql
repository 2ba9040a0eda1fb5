{#- Fails for values outside min_value … max_value, both included. Null passes: not_null is a test of its own. -#}
{% test accepted_range(model, column_name, min_value=none, max_value=none) %}
    select {{ column_name }}
    from {{ model }}
    where
        false
        {%- if min_value is not none %} or {{ column_name }} < {{ min_value }} {%- endif %}
        {%- if max_value is not none %} or {{ column_name }} > {{ max_value }} {%- endif %}
{% endtest %}
