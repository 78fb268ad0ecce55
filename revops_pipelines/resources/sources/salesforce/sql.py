"""Pieces of SQL that several offers share.

Belongs here: quoting, people and companies under one identifier each, custom fields, bands. Does
not: any entity's columns.

A person is a Lead, a Contact, or both after a conversion, and merges make one record of several.
Each person has the identifier of its first record that was not merged away: what a Lead was known
by stays valid when it is converted. Whether the old records were ever seen changes nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions

# More merges in a row than anybody has seen; the bound keeps a loop from running for ever.
_STEPS_IN_A_ROW = 20
# The first three characters of an identifier tell the object.
USER, LEAD, CONTACT, ACCOUNT, OPPORTUNITY = "005", "00Q", "003", "001", "006"


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


def lowered(values: Iterable[str]) -> str:
    """`listed`, in lower case.

    >>> lowered(["Web"])
    "('web')"
    """
    return listed(value.lower() for value in values)


def filled(column: str) -> str:
    """The text, or null where there is none."""
    return f"nullif(trim({column}), '')"


def field_of(record: str, name: str) -> str:
    """A field that has no column of its own; null where no name is given."""
    if not name:
        return "CAST(NULL AS VARCHAR)"
    return filled(f"json_extract_string({record}.payload, '$.{name}')")


def instant_of(record: str, name: str) -> str:
    """A field that dates something, as a UTC timestamp."""
    return f"CAST(TRY_CAST({field_of(record, name)} AS TIMESTAMPTZ) AS TIMESTAMP)"


def named(identifier: str) -> str:
    """A record's identifier among all systems; null stays null."""
    return f"'@source:' || {identifier}"


def is_a(identifier: str, prefix: str) -> str:
    """Whether an identifier is of an object, by its prefix; false for null."""
    return f"coalesce(starts_with({identifier}, '{prefix}'), false)"


def url(options: SalesforceOptions, identifier: str) -> str:
    """The record's address in Salesforce."""
    return f"{quoted(options.base_url.rstrip('/') + '/')} || {identifier}"


def choice(column: str, names: Iterable[tuple[str, str]]) -> str:
    """Ours for theirs, told apart in lower case; null for any other."""
    arms = " ".join(f"WHEN {quoted(theirs.lower())} THEN {quoted(ours)}" for theirs, ours in names)
    return f"CASE lower({filled(column)}) {arms} END" if arms else "CAST(NULL AS VARCHAR)"


def plain(column: str) -> str:
    """A picklist's value as a word of ours: `No Show` is `no_show`."""
    return f"regexp_replace(lower({filled(column)}), '[^a-z0-9]+', '_', 'g')"


def channel_of(column: str, options: SalesforceOptions) -> str:
    """The channel by which somebody came: common words, lower case."""
    return f"coalesce({choice(column, options.channels.items())}, {plain(column)})"


def custom(record: str) -> str:
    """The org's own fields that are filled, as JSON; null without any."""
    return f"""nullif(CAST(to_json(map_from_entries(list_sort(list_filter(
            map_entries(from_json({record}.payload, '"MAP(VARCHAR, VARCHAR)"')),
            lambda field: ends_with(field.key, '__c')
                          AND {filled("field.value")} IS NOT NULL)))) AS VARCHAR), '{{}}')"""


def segment_of(employees: str, options: SalesforceOptions) -> str:
    """The company-size band; null where the size is not known."""
    return (
        f"CASE WHEN {employees} < {options.small_below_employees} THEN 'SMB' "
        f"WHEN {employees} < {options.mid_below_employees} THEN 'MID' "
        f"WHEN {employees} IS NOT NULL THEN 'ENT' END"
    )


def country_of(code: str, name: str) -> str:
    """A two-letter code: the state and country picklist's, else the free text where it is one."""
    return (
        f"coalesce(upper({filled(code)}), "
        f"CASE WHEN length({filled(name)}) = 2 THEN upper({filled(name)}) END)"
    )


# Integration users, the Automated Process and queues own records and make them; nobody works there.
MACHINES = """
    machines AS (
        SELECT id FROM raw.@source__users WHERE coalesce(user_type, 'Standard') <> 'Standard'
    )"""


def is_person(identifier: str) -> str:
    """Whether an owner or author is one of our people. Needs `machines`."""
    return f"({is_a(identifier, USER)} AND {identifier} NOT IN (SELECT id FROM machines))"


# CTE `companies(id, account)`: every account, and the one that it was merged into; `firms_gone`.
COMPANIES = f"""
    company_edges AS (
        SELECT id AS loser, master_id AS winner FROM raw.@source__accounts
        WHERE {filled("master_id")} IS NOT NULL
    ),
    company_steps AS (
        SELECT loser, winner, 1 AS steps FROM company_edges
        UNION ALL
        SELECT s.loser, e.winner, s.steps + 1
        FROM company_steps s JOIN company_edges e ON e.loser = s.winner
        WHERE s.steps < {_STEPS_IN_A_ROW}
    ),
    companies_merged AS (
        SELECT loser, last(winner ORDER BY steps, winner) AS winner
        FROM company_steps GROUP BY loser
    ),
    companies AS (
        SELECT a.id, coalesce(m.winner, a.id) AS account_id
        FROM raw.@source__accounts a LEFT JOIN companies_merged m ON m.loser = a.id
        WHERE coalesce(m.winner, a.id) NOT IN (
            SELECT id FROM raw.@source__accounts
            WHERE _deleted_at IS NOT NULL AND {filled("master_id")} IS NULL)
    )"""

# CTE `people(id, person, survivor)`: every lead and contact, whom it stands for, and the record
# that tells of that person now. `people_there` leaves out those who are deleted.
PEOPLE = f"""
    people_records AS (
        SELECT id, created_at, _deleted_at, {filled("master_id")} AS master_id,
               CASE WHEN {filled("master_id")} IS NULL
                    THEN {filled("converted_contact_id")} END AS contact_id
        FROM raw.@source__leads
        UNION ALL
        SELECT id, created_at, _deleted_at, {filled("master_id")}, NULL FROM raw.@source__contacts
    ),
    people_edges AS (
        SELECT id AS loser, coalesce(master_id, contact_id) AS winner FROM people_records
        WHERE coalesce(master_id, contact_id) IS NOT NULL
    ),
    people_steps AS (
        SELECT loser, winner, 1 AS steps FROM people_edges
        UNION ALL
        SELECT s.loser, e.winner, s.steps + 1
        FROM people_steps s JOIN people_edges e ON e.loser = s.winner
        WHERE s.steps < {_STEPS_IN_A_ROW}
    ),
    people_ends AS (
        SELECT loser, last(winner ORDER BY steps, winner) AS survivor
        FROM people_steps GROUP BY loser
    ),
    people_placed AS (
        SELECT r.*, coalesce(e.survivor, r.id) AS survivor
        FROM people_records r LEFT JOIN people_ends e ON e.loser = r.id
    ),
    people_named AS (
        SELECT survivor,
               coalesce(arg_min(id, (created_at, id = survivor, id)) FILTER (
                            WHERE master_id IS NULL
                              AND (id = survivor OR contact_id = survivor)), survivor) AS person,
               bool_or(id = survivor AND _deleted_at IS NOT NULL) AS is_gone
        FROM people_placed GROUP BY survivor
    ),
    people AS (
        SELECT r.id, n.person, r.survivor, n.is_gone
        FROM people_placed r JOIN people_named n ON n.survivor = r.survivor
    ),
    people_there AS (SELECT id, person FROM people WHERE NOT is_gone)"""
