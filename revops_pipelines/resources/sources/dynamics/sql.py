"""Pieces of SQL that several offers share.

Belongs here: quoting, merged rows, who is one person, custom columns, labels. Does not: any
entity's columns.

A lead that was qualified goes on as a contact: both rows are one person, and so are several leads
that are connected to one contact. The person bears the identifier of the row that was there first
and still is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions

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
    """The text, or null where there is an empty one."""
    return f"nullif(trim({column}), '')"


def named(identifier: str) -> str:
    """A row's identifier among all systems; null stays null."""
    return f"'@source:' || {identifier}"


def merged(stream: str) -> str:
    """CTE `<stream>_merged(loser, winner)`; needs WITH RECURSIVE."""
    return f"""
    {stream}_steps AS (
        SELECT id AS loser, masterid_id AS winner, 1 AS merges FROM raw.@source__{stream}
        WHERE merged AND masterid_id IS NOT NULL AND masterid_id <> id
        UNION ALL
        SELECT s.loser, n.masterid_id, s.merges + 1
        FROM {stream}_steps s JOIN raw.@source__{stream} n
          ON n.id = s.winner AND n.merged AND n.masterid_id IS NOT NULL
        WHERE s.merges < {_MERGES_IN_A_ROW}
    ),
    {stream}_merged AS (
        SELECT loser, last(winner ORDER BY merges, winner) AS winner
        FROM {stream}_steps GROUP BY loser
    )"""


# CTE `members(person_id, id, kind, is_gone)`: every lead and contact that is there and was not
# merged away, by the person it is of. Needs `leads_merged` and `contacts_merged`.
_MEMBERS = """
    tied AS (
        SELECT l.id, l.created_at, l._deleted_at IS NOT NULL AS is_gone, 'lead' AS kind,
               c.id AS contact_id
        FROM raw.@source__leads l
        LEFT JOIN contacts_merged m ON m.loser = l.parentcontactid_id
        LEFT JOIN raw.@source__contacts c
          ON c.id = coalesce(m.winner, l.parentcontactid_id) AND c._deleted_at IS NULL
        WHERE l.id NOT IN (SELECT loser FROM leads_merged)
        UNION ALL
        SELECT c.id, c.created_at, c._deleted_at IS NOT NULL, 'contact', c.id
        FROM raw.@source__contacts c
        WHERE c.id NOT IN (SELECT loser FROM contacts_merged)
    ),
    members AS (
        SELECT first_value(id) OVER (
                   PARTITION BY coalesce(contact_id, id)
                   ORDER BY is_gone, created_at, kind DESC, id) AS person_id,
               id, kind, is_gone
        FROM tied
    )"""

# CTE `persons(id, person_id)`: whom a lead's or contact's identifier stands for, merged ones too.
_PERSONS = """
    persons AS (
        SELECT id, person_id FROM members
        UNION ALL
        SELECT x.loser, p.person_id
        FROM (SELECT * FROM leads_merged UNION ALL SELECT * FROM contacts_merged) x
        JOIN members p ON p.id = x.winner
    )"""


def people() -> str:
    """CTEs `members` and `persons`; needs WITH RECURSIVE."""
    return f"{merged('leads')}, {merged('contacts')}, {_MEMBERS}, {_PERSONS}"


# CTE `staff(id)`: users who are people.
STAFF = """
    staff AS (
        SELECT id FROM raw.@source__systemusers
        WHERE applicationid IS NULL AND coalesce(accessmode, '0') NOT IN ('3', '4', '5')
    )"""


# CTE `changes(id, entity, moment, operation, name, before, after)`: audited columns, one row each.
CHANGES = """
    changes AS (
        SELECT id, entity, moment, operation, change.logicalName AS name,
               change.oldValue AS before, change.newValue AS after
        FROM (
            SELECT object_id AS id, object_table AS entity, created_at AS moment, operation,
                   unnest(TRY(from_json(json_extract(TRY_CAST(changedata AS JSON),
                                                     '$.changedAttributes'),
                       '[{"logicalName":"VARCHAR","oldValue":"VARCHAR","newValue":"VARCHAR"}]')))
                       AS change
            FROM raw.@source__audits
            WHERE changedata IS NOT NULL
        )
    )"""


# CTE `deleted(id, moment)`: when a row was deleted, which its delta does not say.
DELETED = """
    deleted AS (
        SELECT object_id AS id, max(created_at) AS moment FROM raw.@source__audits
        WHERE operation = '3' GROUP BY object_id
    )"""


def own_columns(table: str) -> str:
    """CTE `own(fields)`: columns that the company added to a table."""
    return f"""
    own AS (
        SELECT list(struct_pack(name := name, key := key, is_choice := type = 'Picklist')
                    ORDER BY name) AS fields
        FROM raw.@source__columns
        WHERE table_name = '{table}' AND is_custom AND _deleted_at IS NULL
    )"""


def custom(record: str) -> str:
    """The company's own columns that are filled, as JSON: of choices the label. Needs `own`."""
    label = "'@OData.Community.Display.V1.FormattedValue'"

    def read(key: str) -> str:
        return filled(f"""json_extract_string({record}.payload, '$."' || {key} || '"')""")

    value = (
        f"CASE WHEN field.is_choice THEN {read(f'field.key || {label}')} "
        f"ELSE {read('field.key')} END"
    )
    return f"""nullif(CAST(to_json(map_from_entries(list_filter(
            list_transform(own.fields,
                           lambda field: struct_pack(name := field.name, value := {value})),
            lambda filled: filled.value IS NOT NULL))) AS VARCHAR), '{{}}')"""


def is_one_of(record: str, column: str, values: Iterable[str]) -> str:
    """A choice or text is one of some labels or values, whatever their case."""
    wanted = listed(value.lower() for value in values)
    return (
        f"coalesce(lower({record}.{column}_label) IN {wanted} "
        f"OR lower({record}.{column}) IN {wanted}, false)"
    )


def any_of(record: str, wanted: Mapping[str, Iterable[str]]) -> str:
    """Any of some columns is one of its labels or values."""
    tests = [is_one_of(record, column, values) for column, values in wanted.items()]
    return f"({' OR '.join(tests) or 'false'})"


def owner() -> str:
    """The person who owns a row; null for rows of teams and machines. Needs `join_owner`."""
    return named("o.id")


def join_owner(record: str) -> str:
    """The join that `owner` needs, and the CTE `staff`."""
    return f"LEFT JOIN staff o ON o.id = {record}.ownerid_id"


def link(options: DynamicsOptions, table: str, identifier: str) -> str:
    """The row's address in the app."""
    base = quoted(f"{options.base_url.rstrip('/')}/main.aspx?pagetype=entityrecord&etn=")
    return f"{base} || {table} || '&id=' || {identifier}"


def segment_of(employees: str, options: DynamicsOptions) -> str:
    """The company-size band; null where the size is not known."""
    return (
        f"CASE WHEN {employees} < {options.small_below_employees} THEN 'SMB' "
        f"WHEN {employees} < {options.mid_below_employees} THEN 'MID' "
        f"WHEN {employees} IS NOT NULL THEN 'ENT' END"
    )


def channel_of(label: str, options: DynamicsOptions) -> str:
    """The channel that a lead source means: as the options say, else its label in lower case."""
    arms = " ".join(
        f"WHEN {quoted(theirs.lower())} THEN {quoted(ours)}"
        for theirs, ours in options.channels.items()
    )
    told = f"lower({filled(label)})"
    plain = f"regexp_replace({told}, '[^a-z0-9]+', '_', 'g')"
    return f"CASE {told} {arms} ELSE {plain} END" if arms else plain
