"""Pieces of SQL that several offers share.

Belongs here: quoting, merged and archived records, links, custom fields, bands. Does not: any
entity's columns.

Records of HubSpot that were merged live on under another id: every offer first follows merges, and
then leaves out identifiers of records that are gone. The result is the same whether the old ids
were ever seen or not.
"""

from __future__ import annotations

from collections.abc import Iterable

from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions

# HubSpot's numbers for types of records, as its links write them.
TYPE_IDS = {"contacts": "0-1", "companies": "0-2", "deals": "0-3"}
# More merges in a row than anybody has seen; the bound keeps a loop from running for ever.
_MERGES_IN_A_ROW = 20


def quoted(value: str) -> str:
    """A text literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"


def listed(values: Iterable[str]) -> str:
    """Literals for an IN; matches nothing when there are none.

    >>> listed(["a", "b"]), listed([])
    ("('a', 'b')", '(NULL)')
    """
    return f"({', '.join(map(quoted, values)) or 'NULL'})"


def filled(column: str) -> str:
    """The text, or null where HubSpot wrote an empty one."""
    return f"nullif(trim({column}), '')"


def property_of(record: str, name: str) -> str:
    """A property that has no column of its own."""
    return filled(f"json_extract_string({record}.payload, '$.properties.{name}')")


def named(identifier: str) -> str:
    """A record's identifier among all systems; null stays null."""
    return f"'@source:' || {identifier}"


def merged(kind: str, also: str = "''") -> str:
    """CTEs `<kind>_merged(loser, winner)` and `<kind>_gone(id)`; needs WITH RECURSIVE.

    `also` is a second column that lists merged ids, as `id:milliseconds;...`.
    """
    return f"""
    {kind}_edges AS (
        SELECT DISTINCT split_part(trim(loser), ':', 1) AS loser, winner
        FROM (
            SELECT id AS winner,
                   unnest(string_split(concat_ws(';', merged_ids, {also}), ';')) AS loser
            FROM raw.@source__{kind}
            WHERE merged_ids IS NOT NULL OR {also} IS NOT NULL
        )
        WHERE trim(loser) <> '' AND split_part(trim(loser), ':', 1) <> winner
    ),
    {kind}_steps AS (
        SELECT loser, winner, 1 AS merges FROM {kind}_edges
        UNION ALL
        SELECT s.loser, e.winner, s.merges + 1
        FROM {kind}_steps s JOIN {kind}_edges e ON e.loser = s.winner
        WHERE s.merges < {_MERGES_IN_A_ROW}
    ),
    {kind}_merged AS (
        SELECT loser, last(winner ORDER BY merges, winner) AS winner
        FROM {kind}_steps GROUP BY loser
    ),
    {kind}_gone AS (
        SELECT id FROM raw.@source__{kind}
        WHERE _deleted_at IS NOT NULL AND id NOT IN (SELECT loser FROM {kind}_merged)
    )"""


def link(record: str, kind: str, identifier: str) -> str:
    """The record's address in HubSpot; `record` is the alias of the account's row."""
    return (
        f"'https://' || coalesce({record}.ui_domain, 'app.hubspot.com') || '/contacts/' || "
        f"{record}.portal_id || '/record/{TYPE_IDS[kind]}/' || {identifier}"
    )


# The account's row, or nulls while it was not read yet.
ACCOUNT = (
    "LEFT JOIN (SELECT any_value(portal_id) AS portal_id, any_value(ui_domain) AS ui_domain, "
    "any_value(currency) AS currency FROM raw.@source__account) account ON true"
)


def own_fields(kind: str) -> str:
    """CTE `own(fields)`: names of the fields that the account added to a type of record."""
    return f"""
    own AS (
        SELECT list(name ORDER BY name) AS fields FROM raw.@source__properties
        WHERE object_type = '{kind}' AND NOT hubspot_defined AND _deleted_at IS NULL
    )"""


def custom(record: str) -> str:
    """The account's own fields that are filled, as JSON; null without any. Needs `own`."""
    value = filled(f"json_extract_string({record}.payload, '$.properties.' || name)")
    return f"""nullif(CAST(to_json(map_from_entries(list_filter(
            list_transform(own.fields, lambda name: struct_pack(name := name, value := {value})),
            lambda field: field.value IS NOT NULL))) AS VARCHAR), '{{}}')"""


def segment_of(employees: str, options: HubSpotOptions) -> str:
    """The company-size band; null where the size is not known."""
    return (
        f"CASE WHEN {employees} < {options.small_below_employees} THEN 'SMB' "
        f"WHEN {employees} < {options.mid_below_employees} THEN 'MID' "
        f"WHEN {employees} IS NOT NULL THEN 'ENT' END"
    )


def country_of(code: str, name: str) -> str:
    """A two-letter code: HubSpot's own, else the free text where it is one."""
    return (
        f"coalesce(upper({filled(code)}), "
        f"CASE WHEN length({filled(name)}) = 2 THEN upper({filled(name)}) END)"
    )
