"""The SQL that makes one row of the records that are one thing.

Belongs here: which record's value wins. Does not: which records belong together (`identity`), or
which source is believed (`precedence`).
"""

from __future__ import annotations

from collections.abc import Mapping

from revops_pipelines.contracts.contract import Contract, columns_of, identifiers_of
from revops_pipelines.engine.conform.precedence import LAST, ranked

# The value of the first record that has one; of the first record, be it null. For things whose
# columns belong together (a deal's stage and closing day) only the second makes sense.
FIRST_FILLED = "arg_min({0}, place + @after({0})) FILTER (WHERE {0} IS NOT NULL)"
FIRST_RECORD = "first({0} ORDER BY place + @after({0}))"


def golden_rows(
    contract: type[Contract],
    entity: str,
    rules: Mapping[str, str] | None = None,
    usual: str = FIRST_FILLED,
) -> str:
    """SQL over `@records`: one row per canonical identifier.

    A column takes its value by `usual`, the canonical record's before the others', these by the
    precedence of their sources; `rules` gives another aggregate for a column (`min({})`). Things
    with a single record pass untouched, so the work grows with the links and not with the table.
    """
    key = identifiers_of(contract)[0]
    names = list(columns_of(contract))
    rules = {"_deleted_at": _LAST_IF_ALL_GONE, "_updated_at": "max({})", **(rules or {})}
    oldest = "r.created_at, " if "created_at" in names else ""
    merged = ", ".join(
        "canonical_id AS " + name
        if name == key
        else f"{rules.get(name, usual).format(name)} AS {name}"
        for name in names
    )
    return f"""
        WITH members AS (
            SELECT coalesce(l.canonical_id, r.{key}) AS canonical_id, r.*,
                   row_number() OVER (
                       PARTITION BY coalesce(l.canonical_id, r.{key})
                       ORDER BY l.record_id IS NOT NULL, coalesce(s.precedence, {LAST}),
                                {oldest}r.{key}) AS place
            FROM @records r
            LEFT JOIN conformed.identity_links l
              ON l.entity = '{entity}' AND l.record_id = r.{key}
            LEFT JOIN {ranked(entity)} s ON s.source = r.source
            WHERE l.record_id IS NOT NULL OR r.{key} IN (
                SELECT canonical_id FROM conformed.identity_links WHERE entity = '{entity}')
        )
        SELECT {", ".join(names)} FROM @records
        WHERE {key} NOT IN (SELECT {key} FROM members)
        UNION ALL BY NAME
        SELECT {merged} FROM members GROUP BY canonical_id
    """


# A thing lives while one of its records does.
_LAST_IF_ALL_GONE = "CASE WHEN bool_and({0} IS NOT NULL) THEN max({0}) END"
