{#- What is at a path in an object, as text: json_text('address', 'city'). -#}
{% macro json_text(column) -%}
    ({{ column }}
    {%- for name in varargs[:-1] %} -> '{{ name }}'{% endfor %} ->> '{{ varargs[-1] }}')
{%- endmacro %}


{#- Joins each element of an array as NAME.value; rows without elements vanish. -#}
{% macro each_element(array, name) -%}
    {{ adapter.dispatch('each_element', 'tap_recurly')(array, name) }}
{%- endmacro %}

{% macro postgres__each_element(array, name) -%}
    cross join lateral jsonb_array_elements(
        case when jsonb_typeof({{ array }}) = 'array' then {{ array }} end
    ) as {{ name }} (value)
{%- endmacro %}

{% macro duckdb__each_element(array, name) -%}
    cross join unnest(from_json({{ array }}, '["JSON"]')) as {{ name }} (value)
{%- endmacro %}


{#- An element that is a text and no object, as text. -#}
{% macro element_text(value) -%}
    {{ adapter.dispatch('element_text', 'tap_recurly')(value) }}
{%- endmacro %}

{% macro postgres__element_text(value) -%} ({{ value }} #>> '{}') {%- endmacro %}

{% macro duckdb__element_text(value) -%} ({{ value }} ->> '$') {%- endmacro %}


{#- The type of columns that hold objects and arrays. -#}
{% macro type_json() -%}
    {{ 'jsonb' if target.type == 'postgres' else 'json' }}
{%- endmacro %}
