"""Comparing what landed with what the system itself says there is.

Belongs here: counts that were promised, and keys that are listed but never came. Does not: stopping
a load (`guards.py`), or telling people (`assets/raw_checks.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.raw_tables import RawTable
from revops_pipelines.engine.ingest.statements import Statements
from revops_pipelines.engine.ingest.tombstones import IDS

# Totals move while pages are read; a difference beyond this share (and beyond one) is a loss.
TOLERATED_SHARE = 0.01
SHOWN_KEYS = 20


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What the system said and what landed, in records with different keys.

    `promised` is None where it does not count. `missing` are keys of its complete list that are in
    no table, `missing_keys` the first of them.
    """

    promised: int | None
    landed: int
    missing: int = 0
    missing_keys: tuple[str, ...] = ()

    @property
    def short(self) -> int:
        """Records promised and not landed; 0 where more came than were promised."""
        return max(0, (self.promised or 0) - self.landed)

    @property
    def agrees(self) -> bool:
        """No key is missing, and the counts are as close as moving totals can be."""
        return not self.missing and self.short <= max(1.0, (self.promised or 0) * TOLERATED_SHARE)


def reconcile_load(
    connection: duckdb.DuckDBPyConnection,
    table: RawTable,
    landed: Landed,
    seen: str,
    rejected: int,
) -> Reconciled:
    """Compare a load with what was promised, inside its transaction, after deletes were applied.

    `seen` is the relation of the keys of the landed records; `rejected` records came as well, but
    could not be loaded.
    """
    sql = Statements(connection)
    came = 0
    if landed.promised is not None:
        keys = f"SELECT DISTINCT {table.key_list} FROM {seen}"
        came = sql.run(f"SELECT count(*) FROM ({keys})") + rejected
    if not (landed.is_complete and landed.ids):
        return Reconciled(landed.promised, came)
    # Some list keys that were merged away or deleted as well; their tombstones account for them.
    lacking = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM {name} t WHERE {table.same_key('t', 'i')})"
        for name in (table.current, table.tombstones)
    )
    found = f"FROM {IDS} i WHERE {lacking}"
    missing = sql.run(f"SELECT count(*) {found}")
    shown: list[str] = []
    if missing:
        key = f"concat_ws('|', {', '.join(f'i.{key}::VARCHAR' for key in table.keys)})"
        rows = connection.execute(
            f"SELECT {key} AS key {found} ORDER BY key LIMIT {SHOWN_KEYS}"
        ).fetchall()
        shown = [str(row[0]) for row in rows]
    return Reconciled(landed.promised, came, missing, tuple(shown))
