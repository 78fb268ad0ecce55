"""Finds probable duplicates: scores the pairs of each block with splink, and gathers them.

Belongs here: the model of the detail table `metrics.duplicates`: a pure function of its rows. Does
not: what is compared (`_duplicate_records`) and its worth (`_duplicate_weights`).

Nothing depends on the order of rows, on chance or on the machine: records are numbered by their
identifiers, one thread does the work, frequencies are counted and not sampled.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from revops_pipelines.assets.metrics._duplicate_records import KINDS, Cut, Kind, prepare_records
from revops_pipelines.assets.metrics._duplicate_weights import Comparison, Level, model_of, prior

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

# Pairs from here on are shown: nine in ten of them should be one thing.
THRESHOLD = 0.9
OUTPUT = (
    "entity, record_id, other_id, state, match_probability, evidence, span, cluster_id, keep_id, "
    "keep_because, source, other_source, link, other_link"
)
COMPARED = {
    "leads": (
        "name_key",
        "given_name",
        "surname",
        "mailbox",
        "is_name_mailbox",
        "company_key",
        "domain_root",
        "country",
        "parent_id",
    ),
    "accounts": (
        "name_key",
        "first_word",
        "domain",
        "domain_root",
        "country",
        "parent_id",
    ),
}


def probable_duplicates(records: pd.DataFrame) -> pd.DataFrame:
    """The rows of `metrics.duplicates`, from those that the metric's detail selects."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET threads = 1")
        connection.register("selected", records)
        connection.execute(
            f"CREATE TABLE given AS SELECT {_TYPED}, "
            "row_number() OVER (ORDER BY entity, record_id) AS uid FROM selected"
        )
        connection.execute(
            "CREATE TABLE found (left_uid BIGINT, right_uid BIGINT, match_probability DOUBLE, "
            "evidence VARCHAR)"
        )
        connection.execute("CREATE TABLE alone (uid BIGINT)")
        for kind in KINDS:
            _match(connection, kind)
        return _rows(connection)
    finally:
        connection.close()


# A table without rows has no types that pandas could keep.
_TYPED = ", ".join(
    f"CAST({column} AS {kind}) AS {column}"
    for column, kind in {
        "entity": "VARCHAR",
        "record_id": "VARCHAR",
        "source": "VARCHAR",
        "name": "VARCHAR",
        "email": "VARCHAR",
        "domain": "VARCHAR",
        "company_id": "VARCHAR",
        "parent_id": "VARCHAR",
        "country": "VARCHAR",
        "created_at": "TIMESTAMP",
        "activities": "BIGINT",
        "link": "VARCHAR",
    }.items()
)


def _match(connection: duckdb.DuckDBPyConnection, kind: Kind) -> None:
    for cut in prepare_records(connection, kind):
        _say(kind, cut)
    connection.execute("INSERT INTO alone SELECT uid FROM uncompared")
    if not _number(connection, f"SELECT count(*) FROM prepared WHERE {_in_a_block(kind)}"):
        return
    # Imported here: splink takes half a second that only nights with something to compare pay.
    from revops_pipelines.assets.metrics._duplicate_fit import scored

    size = _number(connection, "SELECT count(*) FROM prepared")
    model = model_of(kind.entity, size, lambda column: _coincidence(connection, column))
    scored(connection, kind, model, prior(size), THRESHOLD)
    connection.execute(
        f"""
        INSERT INTO found
        SELECT uid_l, uid_r, round(match_probability, 4), {_evidence(model)}
        FROM scored
        WHERE match_probability >= {THRESHOLD} AND NOT coalesce({_RELATED}, false)
        """
    )


# A company and its parent, or two daughters of one, are alike and yet two.
_RELATED = (
    "(coalesce(record_id_l = parent_id_r, false) OR coalesce(record_id_r = parent_id_l, false) "
    "OR coalesce(parent_id_l = parent_id_r, false))"
)


def _say(kind: Kind, cut: Cut) -> None:
    logger.warning(
        "duplicates of %s: %d blocks %s with %d records are too large and were cut; their records "
        "were compared by other rules only",
        kind.entity,
        cut.blocks,
        cut.rule,
        cut.records,
    )


def _in_a_block(kind: Kind) -> str:
    return " OR ".join(f"{rule} IS NOT NULL" for rule in kind.blocks)


def _coincidence(connection: duckdb.DuckDBPyConnection, column: str) -> float | None:
    row = connection.execute(
        f"""
        SELECT sum((cases * cases) / (total * total)) FROM (
          SELECT count(*)::DOUBLE AS cases, sum(count(*)) OVER ()::DOUBLE AS total
          FROM prepared WHERE {column} IS NOT NULL GROUP BY {column} ORDER BY {column})
        """
    ).fetchone()
    return None if row is None or row[0] is None else float(row[0])


def _evidence(model: Sequence[Comparison]) -> str:
    """SQL that tells in words how a pair agrees, comparison by comparison."""
    told = ", ".join(
        f"CASE WHEN {comparison.unknown} THEN NULL "
        + " ".join(_telling(level) for level in comparison.levels)
        + " END"
        for comparison in model
    )
    return f"concat_ws('; ', {told})"


def _telling(level: Level) -> str:
    before, _, after = level.words.partition("{}")
    words = f"'{before}'"
    if level.similarity:
        words = f"'{before}' || format('{{:.2f}}', {level.similarity}) || '{after}'"
    if level.condition == "ELSE":
        return f"ELSE {words}"
    return f"WHEN {level.condition} THEN {words}"


def _rows(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    pairs = connection.execute("SELECT left_uid, right_uid FROM found").fetchall()
    members = clusters_of(pairs)
    connection.execute(
        "CREATE TABLE members AS SELECT unnest($uids::BIGINT[]) AS uid, "
        "unnest($clusters::BIGINT[]) AS cluster",
        {"uids": list(members), "clusters": list(members.values())},
    )
    return connection.execute(
        f"""
        WITH ranked AS (
          SELECT members.cluster, given.record_id, activities, created_at,
            row_number() OVER best AS place,
            lead(activities) OVER best AS next_activities,
            lead(created_at) OVER best AS next_created_at
          FROM members JOIN given USING (uid)
          WINDOW best AS (
            PARTITION BY members.cluster
            ORDER BY activities DESC, created_at NULLS LAST, given.record_id)
        ), leaders AS (
          SELECT cluster, record_id AS keep_id,
            CASE WHEN activities > next_activities THEN 'most activity'
              WHEN created_at < coalesce(next_created_at, TIMESTAMP 'infinity')
              THEN 'oldest' ELSE 'first identifier' END AS keep_because
          FROM ranked WHERE place = 1
        ), cells AS (
          SELECT one.entity, one.record_id, other.record_id AS other_id, 'probable' AS state,
            match_probability, evidence,
            CASE WHEN one.source = other.source THEN 'within' ELSE 'across' END AS span,
            first.record_id AS cluster_id, keep_id, keep_because,
            one.source, other.source AS other_source, one.link, other.link AS other_link
          FROM found
          JOIN given AS one ON one.uid = left_uid
          JOIN given AS other ON other.uid = right_uid
          JOIN members ON members.uid = left_uid
          JOIN leaders ON leaders.cluster = members.cluster
          JOIN given AS first ON first.uid = members.cluster
          UNION ALL BY NAME
          SELECT entity, record_id, 'not_compared' AS state, source, link,
            'shares its name, mailbox or company with too many others to be compared' AS evidence
          FROM given JOIN alone USING (uid)
        )
        SELECT {OUTPUT} FROM cells ORDER BY entity, record_id, other_id
        """
    ).df()


def clusters_of(pairs: Iterable[tuple[int, int]]) -> Mapping[int, int]:
    """Each record of a pair -> the smallest one that chains of pairs lead to."""
    root: dict[int, int] = {}

    def top(record: int) -> int:
        while root.setdefault(record, record) != record:
            root[record] = root[root[record]]
            record = root[record]
        return record

    for one, other in pairs:
        low, high = sorted((top(one), top(other)))
        root[high] = low
    return {record: top(record) for record in sorted(root)}


def _number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    row: Any = connection.execute(sql).fetchone()
    return int(row[0])
