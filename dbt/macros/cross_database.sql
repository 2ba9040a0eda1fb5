{#-
    Everything that databases say differently, and nothing else. A new target is a second set of `<adapter>__`
    macros here; no model changes.
-#}
{#- The source `raw.orders`: a view over the user's file. Elsewhere than on DuckDB the table is there already. -#}
{% macro register_orders() %}
    {%- if execute and flags.WHICH in ["build", "run", "test", "freshness"] -%}
        {{ return(adapter.dispatch("register_orders", "rfm")()) }}
    {%- endif -%}
{% endmacro %}

{% macro duckdb__register_orders() %}
    {%- set orders = source("raw", "orders") %}
    create schema if not exists {{ orders.schema }};
    create or replace view {{ orders }} as
    select * from
    {% if var("source_format") == "parquet" -%}
        read_parquet({{ literal(var("source_path")) }})
    {%- else -%}
        {%- set columns = [] -%}
        {%- for name in var("source_columns") -%} {%- do columns.append(literal(name) ~ ": 'varchar'") -%}
        {%- endfor %}
        read_csv(
        {{ literal(var("source_path")) }},
            auto_detect = false,
            header = true,
            delim = {{ literal(var("source_delimiter")) }},
            quote = '"',
            escape = '"',
            columns = {{ "{" ~ columns | join(", ") ~ "}" }}
        )
    {%- endif %}
{% endmacro %}

{% macro bigquery__register_orders() %} {% endmacro %}

{#- warehouse/duckdb_file.py says why. -#}
{% macro enough_threads() %} {{ return(adapter.dispatch("enough_threads", "rfm")()) }} {% endmacro %}

{% macro duckdb__enough_threads() %} set threads = greatest(8, current_setting('threads')) {% endmacro %}

{% macro bigquery__enough_threads() %} {% endmacro %}

{#- Text, safe to stand in SQL whatever characters it has. -#}
{% macro literal(value) -%} {{ return(adapter.dispatch("literal", "rfm")(value)) }} {%- endmacro %}

{% macro default__literal(value) -%} {{ "'" ~ (value | string | replace("'", "''")) ~ "'" }} {%- endmacro %}

{% macro bigquery__literal(value) -%}
    {{
        (
            "'"
            ~ (
                value
                | string
                | replace("\\", "\\\\")
                | replace("'", "\\'")
                | replace("\n", "\\n")
                | replace("\r", "\\r")
            )
            ~ "'"
        )
    }}
{%- endmacro %}

{#- Text without what is only room around it. Said outright: each database takes other characters for blanks. -#}
{% macro trimmed(expression) -%}
    {{- "trim(cast(" ~ expression ~ " as " ~ dbt.type_string() ~ "), " ~ literal(" \t\r\n") ~ ")" -}}
{%- endmacro %}

{#- Changes when the orders file does: one text, without reading the file. -#}
{% macro source_version() %} {{ return(adapter.dispatch("source_version", "rfm")()) }} {% endmacro %}

{% macro duckdb__source_version() -%}
    (
        select any_value(size || ' bytes of ' || strftime(last_modified, '%Y-%m-%dT%H:%M:%S.%f'))
        from read_blob({{ literal(var("source_path")) }})
    )
{%- endmacro %}

{% macro bigquery__source_version() -%}
    {%- set orders = source("raw", "orders") -%}
    (
        select concat(cast(row_count as string), ' rows of ', cast(last_modified_time as string))
        from `{{ orders.database }}`.`{{ orders.schema }}`.`__TABLES__`
        where table_id = {{ literal(orders.identifier) }}
    )
{%- endmacro %}

{#-
    An id as text; null when it is missing or blank. Whole numbers stored as floats lose their ".0". `name` is the
    column's in the source.
-#}
{% macro as_id(expression, name) -%} {{ return(adapter.dispatch("as_id", "rfm")(expression, name)) }} {%- endmacro %}

{% macro duckdb__as_id(expression, name) -%}
    case
        when typeof({{ expression }}) not in ('DOUBLE', 'FLOAT')
        then
            case
                -- no blank comes first: cheaper to see than that something is left after trimming
                when cast({{ expression }} as varchar) >= '!'
                then cast({{ expression }} as varchar)
                when {{ trimmed(expression) }} <> ''
                then cast({{ expression }} as varchar)
            end
        when isnan(try_cast({{ expression }} as double))
        then null
        else
            coalesce(
                cast(
                    case
                        when try_cast({{ expression }} as double) = floor(try_cast({{ expression }} as double))
                        then try_cast(try_cast({{ expression }} as double) as bigint)
                    end as varchar
                ),
                cast({{ expression }} as varchar)
            )
    end
{%- endmacro %}

{#-
    On BigQuery a column's type is known before the query runs, and every other value is read as the text that it
    casts to, so that all types follow the rules of text.
-#}
{% macro bigquery__as_id(expression, name) -%}
    {%- if var("source_types", {}).get(name | lower) == "FLOAT" -%}
        case
            when is_nan({{ expression }})
            then null
            when {{ expression }} = trunc({{ expression }})
            then coalesce(cast(safe_cast({{ expression }} as int64) as string), cast({{ expression }} as string))
            else cast({{ expression }} as string)
        end
    {%- else -%}
        case when {{ trimmed(expression) }} <> '' then cast({{ expression }} as string) end
    {%- endif -%}
{%- endmacro %}

{#- True when there is nothing where a date or an amount should be. -#}
{% macro is_missing(expression) -%} {{ return(adapter.dispatch("is_missing", "rfm")(expression)) }} {%- endmacro %}

{% macro duckdb__is_missing(expression) -%}
    ({{ expression }} is null or (typeof({{ expression }}) = 'VARCHAR' and {{ trimmed(expression) }} = ''))
{%- endmacro %}

{% macro bigquery__is_missing(expression) -%}
    (coalesce({{ trimmed(expression) }}, '') = '')
{%- endmacro %}

{#-
    The day in the business time zone; null when unreadable. A date, timestamp, or ISO text is read. A time
    without a zone is taken to be in the business time zone already.
-#}
{% macro as_business_date(expression) -%}
    {{ return(adapter.dispatch("as_business_date", "rfm")(expression)) }}
{%- endmacro %}

{#-
    How the text of a day, a time and a zone looks. It says more than what a cast takes, since casts differ: DuckDB
    reads 24:00 and +99:00, BigQuery 23:59:60, and only DuckDB has a year before 0001.
-#}
{% macro looks_like(parts) -%}
    {%- set patterns = {
        "day": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
        "time": "[ T](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]+)?)?",
        "zone": "[ ]*(?:Z|[+-](?:(?:0[0-9]|1[0-3])(?::?[0-5][0-9])?|14(?::?00)?))",
    } -%}
    {%- for part in parts -%} {{- patterns[part] -}} {%- endfor -%}
{%- endmacro %}

{% macro duckdb__as_business_date(expression) -%}
    {%- set text = trimmed(expression) -%}
    {%- set zone = literal(var("business_timezone")) -%}
    case
        when typeof({{ expression }}) = 'TIMESTAMP WITH TIME ZONE'
        then try_cast(timezone({{ zone }}, try_cast({{ expression }} as timestamptz)) as date)
        when typeof({{ expression }}) <> 'VARCHAR'
        then try_cast({{ expression }} as date)
        when {{ text }} < '0001'
        then null
        when regexp_full_match({{ text }}, '{{ looks_like(["day"]) }}')
        then try_cast({{ text }} as date)
        when regexp_full_match({{ text }}, '{{ looks_like(["day", "time"]) }}')
        then try_cast(try_cast({{ text }} as timestamp) as date)
        when regexp_full_match({{ text }}, '{{ looks_like(["day", "time", "zone"]) }}')
        then
            try_cast(
                timezone({{ zone }}, try_cast(regexp_replace({{ text }}, ' *(Z|[+-][0-9:]+)$', '\1') as timestamptz)) as date
            )
    end
{%- endmacro %}

{#- BigQuery reads only times with seconds, at most six decimals of them, and a zone as +10:00. -#}
{% macro bigquery__as_business_date(expression) -%}
    {%- set text = trimmed(expression) -%}
    {%- set minute = "regexp_extract(" ~ text ~ ", r'^(.{10}[ T].{5})')" -%}
    {%- set seconds = "coalesce(regexp_extract(" ~ text ~ ", r'^.{16}(:[0-9]{2}(?:[.][0-9]{1,6})?)'), ':00')" -%}
    {%- set hours = "coalesce(regexp_extract(" ~ text ~ ", r'([+-][0-9]{2}):?(?:[0-9]{2})?$'), '+00')" -%}
    {%- set minutes = "coalesce(regexp_extract(" ~ text ~ ", r'[+-][0-9]{2}:?([0-9]{2})$'), '00')" -%}
    case
        when {{ text }} < '0001'
        then null
        when regexp_contains({{ text }}, r'^{{ looks_like(["day"]) }}$')
        then safe_cast({{ text }} as date)
        when regexp_contains({{ text }}, r'^{{ looks_like(["day", "time"]) }}$')
        then date(safe_cast(concat({{ minute }}, {{ seconds }}) as datetime))
        when regexp_contains({{ text }}, r'^{{ looks_like(["day", "time", "zone"]) }}$')
        then
            date(
                safe_cast(concat({{ minute }}, {{ seconds }}, {{ hours }}, ':', {{ minutes }}) as timestamp),
    {{ literal(var("business_timezone")) }}
            )
    end
{%- endmacro %}

{#- False for NaN and infinity, which only binary numbers and text can say. -#}
{% macro is_finite(expression) -%} {{ return(adapter.dispatch("is_finite", "rfm")(expression)) }} {%- endmacro %}

{#- A number that no binary number can hold is large, and not infinite. -#}
{% macro duckdb__is_finite(expression) -%}
    case
        when typeof({{ expression }}) in ('DOUBLE', 'FLOAT')
        then coalesce(isfinite(try_cast({{ expression }} as double)), true)
        when typeof({{ expression }}) = 'VARCHAR'
        then not coalesce(regexp_full_match(lower({{ trimmed(expression) }}), '[+-]?(nan|inf|infinity)'), false)
        else true
    end
{%- endmacro %}

{% macro bigquery__is_finite(expression) -%}
    not coalesce(regexp_contains(lower({{ trimmed(expression) }}), r'^[+-]?(nan|inf|infinity)$'), false)
{%- endmacro %}

{#- True when it is a number at all, however large. -#}
{% macro is_number(expression) -%} {{ return(adapter.dispatch("is_number", "rfm")(expression)) }} {%- endmacro %}

{% macro duckdb__is_number(expression) -%}
    case
        when typeof({{ expression }}) <> 'VARCHAR'
        then {{ expression }} is not null
        else
            regexp_full_match(
    {{ trimmed(expression) }}, '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?'
            )
    end
{%- endmacro %}

{% macro bigquery__is_number(expression) -%}
    coalesce(
        regexp_contains(
    {{ trimmed(expression) }}, r'^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$'
        ),
        false
    )
{%- endmacro %}

{#-
    Money with two decimals, rounded half up on the decimals a person sees; null when unreadable or too large.
    A binary number is rounded as a number, and as text only when it is so near to a half cent, or so large,
    that its binary error could decide: 1.005 is stored as 1.00499999999999989… and is 1.01 here.
-#}
{% macro as_money(expression) -%} {{ return(adapter.dispatch("as_money", "rfm")(expression)) }} {%- endmacro %}

{% macro duckdb__as_money(expression) -%}
    {%- set number = "try_cast(" ~ expression ~ " as double)" -%}
    case
        when typeof({{ expression }}) = 'VARCHAR'
        then case when {{ is_number(expression) }} then try_cast({{ expression }} as decimal(18, 2)) end
        when typeof({{ expression }}) = 'FLOAT'
        then try_cast(cast({{ expression }} as varchar) as decimal(18, 2))
        when
            typeof({{ expression }}) = 'DOUBLE'
            and (
                abs({{ number }} * 100 - floor({{ number }} * 100) - 0.5) < 0.01
                or abs({{ number }}) > 1e10
            )
        then try_cast(cast({{ expression }} as varchar) as decimal(18, 2))
        else try_cast({{ expression }} as decimal(18, 2))
    end
{%- endmacro %}

{% macro bigquery__as_money(expression) -%}
    {%- set number = "round(safe_cast(" ~ trimmed(expression) ~ " as bignumeric), 2)" -%}
    case
        when {{ is_number(expression) }} and abs({{ number }}) < bignumeric '10000000000000000'
        then cast({{ number }} as numeric)
    end
{%- endmacro %}

{#- A sum of money as money; null when it is too large, so that a test finds it and no crash. -#}
{% macro as_total(expression) -%} {{ return(adapter.dispatch("as_total", "rfm")(expression)) }} {%- endmacro %}

{% macro duckdb__as_total(expression) -%} try_cast({{ expression }} as decimal(18, 2)) {%- endmacro %}

{% macro bigquery__as_total(expression) -%}
    case when abs({{ expression }}) < bignumeric '10000000000000000' then {{ expression }} end
{%- endmacro %}

{#- All columns of a row as one value, to find exact copies of a line. -#}
{% macro whole_row(alias) -%} {{ return(adapter.dispatch("whole_row", "rfm")(alias)) }} {%- endmacro %}

{% macro duckdb__whole_row(alias) -%} {{ alias }} {%- endmacro %}

{% macro bigquery__whole_row(alias) -%} to_json_string({{ alias }}) {%- endmacro %}

{#- The exact median of a group. -#}
{% macro median(expression) -%} {{ return(adapter.dispatch("median", "rfm")(expression)) }} {%- endmacro %}

{% macro duckdb__median(expression) -%} median({{ expression }}) {%- endmacro %}

{#-
    The middle of all values, or of the two in the middle: BigQuery's own median of a group is approximate. The brackets
    within `div` are for the stand-in, which would halve the 1 alone.
-#}
{% macro bigquery__median(expression) -%}
    {%- set ordered = "array_agg(" ~ expression ~ " order by " ~ expression ~ ")" -%}
    (
    {{ ordered }} [offset(div((count(*) - 1), 2))] + {{ ordered }} [offset(div(count(*), 2))]
    )
    / 2
{%- endmacro %}

{#- The median of money, rounded half up to two decimals: DuckDB's own is cut to the decimals it is given. -#}
{% macro median_money(expression) -%} {{ return(adapter.dispatch("median_money", "rfm")(expression)) }} {%- endmacro %}

{% macro duckdb__median_money(expression) -%}
    cast(median(cast({{ expression }} as decimal(20, 3))) as decimal(18, 2))
{%- endmacro %}

{% macro bigquery__median_money(expression) -%} round({{ median(expression) }}, 2) {%- endmacro %}

{% macro utc_now() -%} {{ return(adapter.dispatch("utc_now", "rfm")()) }} {%- endmacro %}

{% macro duckdb__utc_now() -%} timezone('UTC', now()) {%- endmacro %}

{% macro bigquery__utc_now() -%} current_timestamp() {%- endmacro %}

{#-
    On BigQuery each hook is a job of its own, and no transaction reaches over two jobs. So the rows of the run_date
    and the hooks that write the ledger go out as one script with one transaction.
-#}
{% materialization incremental, adapter = "bigquery" %}
    {%- set relation = this.incorporate(type="table") -%}
    {%- if should_full_refresh() -%} {%- do adapter.drop_relation(relation) -%} {%- endif -%}
    {{ run_hooks(pre_hooks) }}
    {%- call statement("make_table") -%}
        create table if not exists {{ relation }} {{ get_table_columns_and_constraints() }}
        partition by {{ config.require("partition_by").field }}
        cluster by {{ config.require("cluster_by") }}
    {%- endcall -%}
    {%- call statement("main") -%}
        {{ bigquery_replace_run_date(relation, model["columns"], compiled_code) }}
    {%- endcall -%}
    {{ return({"relations": [relation]}) }}
{% endmaterialization %}

-- fmt: off
{% macro bigquery_replace_run_date(relation, columns, rows) %}
    {%- set names = columns | join(", ") -%}
    begin transaction;
    delete from {{ relation }} where run_date = {{ run_date() }};
    insert into {{ relation }} ({{ names }}) select {{ names }} from ({{ rows }});
    {% for hook in post_hooks -%} {{ render(hook.get("sql")) }}; {% endfor %}
    commit transaction;
{% endmacro %}
