{#- The rows of one of the tap's tables, with exactly the columns that are asked for.

    A column that the loader has not made (its property was deselected, or has always been absent)
    is null, and a table that it has not made (its stream was not selected) is empty: both are
    looked up when the view is built, so build again after selecting more. -#}
{% macro read(stream, text=[], timestamp=[], number=[], integer=[], boolean=[], json=[]) %}
    {%- set relation = tap_recurly.loaded(stream) -%}
    {%- set found = [] -%}
    {%- if relation -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do found.append(column.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set types = [
        (text, dbt.type_string()),
        (timestamp + ['_sdc_extracted_at'], dbt.type_timestamp()),
        (number, dbt.type_numeric()),
        (integer, dbt.type_bigint()),
        (boolean, dbt.type_boolean()),
        (json, tap_recurly.type_json()),
    ] -%}
    {%- set columns = [] -%}
    {%- for names, type in types -%}
        {%- for name in names -%}
            {%- if name not in found -%}
                {%- do columns.append('cast(null as ' ~ type ~ ') as ' ~ adapter.quote(name)) -%}
            {%- elif name in json -%}
                {%- do columns.append(
                    'to_json' ~ ('b' if target.type == 'postgres' else '')
                    ~ '(' ~ adapter.quote(name) ~ ') as ' ~ adapter.quote(name)
                ) -%}
            {%- else -%}
                {%- do columns.append(
                    'cast(' ~ adapter.quote(name) ~ ' as ' ~ type ~ ') as ' ~ adapter.quote(name)
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    (
        select
            {{ columns | join(',\n            ') }}
        {% if relation %}from {{ relation }}{% else %}where false{% endif %}
    )
{%- endmacro %}


{#- The table that a stream was loaded into, or none. -#}
{% macro loaded(stream) %}
    {%- set table = source('tap_recurly', stream) -%}
    {%- do return(
        adapter.get_relation(table.database, table.schema, table.identifier) if execute else none
    ) -%}
{% endmacro %}
