"""Step one: what the sources offer, cast to the contract's types, into the table `incoming`.

Belongs here: the union of offers, casts and row hashes. Does not: judging rows (`validate`).

A value that does not cast becomes null and its column is listed in `_uncast`: the row is judged
later and never loses a value in silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from revops_pipelines.contracts.contract import Contract, columns_of, entity_of
from revops_pipelines.engine.declarations import Offer
from revops_pipelines.engine.plugin_tables import nearest

INCOMING = "conform_incoming"


class OfferError(Exception):
    """An offer's SQL does not fit its contract: names the source, the entity and the column."""


@dataclass(frozen=True, slots=True)
class SourceOffer:
    """An offer of one configured source."""

    source: str
    offer: Offer

    @property
    def sql(self) -> str:
        """The offer's SQL with the source's name put in."""
        return self.offer.sql.replace("@source", self.source)


def stage(
    connection: duckdb.DuckDBPyConnection,
    contract: type[Contract],
    offers: Sequence[SourceOffer],
) -> None:
    """Fill the temporary table `incoming`: contract columns, `_row_hash`, `_uncast`, `_row`.

    Raises OfferError.
    """
    columns = columns_of(contract)
    parts = [_cast_offer(connection, entity_of(contract), columns, offer) for offer in offers]
    if not parts:
        empty = ", ".join(f"NULL::{type_} AS {_quoted(name)}" for name, type_ in columns.items())
        parts = [f"SELECT {empty}, []::VARCHAR[] AS _uncast WHERE false"]
    hashed = ", ".join(_quoted(name) for name in columns)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {INCOMING} AS "
        f"SELECT *, hash({hashed}) AS _row_hash, row_number() OVER () AS _row "
        f"FROM ({' UNION ALL BY NAME '.join(parts)})"
    )


def _cast_offer(
    connection: duckdb.DuckDBPyConnection,
    entity: str,
    columns: Mapping[str, str],
    offer: SourceOffer,
) -> str:
    offered = _described(connection, entity, offer)
    unknown = [name for name in offered if name not in columns]
    if unknown:
        raise OfferError(
            f"source {offer.source} offers {entity}.{unknown[0]}, which the contract does not "
            f"have; {nearest(unknown[0], columns)}"
        )
    selected, failures = [], []
    for name, wanted in columns.items():
        quoted = _quoted(name)
        if name not in offered:
            value = f"'{offer.source}'" if name == "source" else f"NULL::{wanted}"
            selected.append(f"{value} AS {quoted}")
            continue
        cast, failed = _cast(quoted, offered[name], wanted)
        selected.append(f"{cast} AS {quoted}")
        if failed:
            failures.append(f"CASE WHEN {failed} THEN '{name}' END")
    uncast = f"list_filter([{', '.join(failures)}], x -> x IS NOT NULL)" if failures else "[]"
    return f"(SELECT {', '.join(selected)}, {uncast}::VARCHAR[] AS _uncast FROM ({offer.sql}))"


def _described(
    connection: duckdb.DuckDBPyConnection, entity: str, offer: SourceOffer
) -> dict[str, str]:
    try:
        rows = connection.execute(f"DESCRIBE ({offer.sql})").fetchall()
    except duckdb.Error as error:
        raise OfferError(f"source {offer.source}, offer {entity}: {error}") from error
    return {str(name): str(type_) for name, type_, *_ in rows}


def _cast(quoted: str, offered: str, wanted: str) -> tuple[str, str | None]:
    """The cast expression, and the condition under which it lost a value (None: it cannot)."""
    if offered == wanted or (offered, wanted) == ("JSON", "VARCHAR"):
        return f"{quoted}::{wanted}", None
    if wanted == "VARCHAR":
        return f"{quoted}::VARCHAR", None
    if offered != "VARCHAR":
        cast = f"TRY_CAST({quoted} AS {wanted})"
        return cast, f"{quoted} IS NOT NULL AND {cast} IS NULL"
    filled = f"nullif(trim({quoted}), '')"
    # A plain cast to TIMESTAMP drops the text's offset without a word; by way of TIMESTAMPTZ
    # (the session's zone is UTC) it is honoured.
    via = f"TRY_CAST({filled} AS TIMESTAMPTZ)" if wanted == "TIMESTAMP" else filled
    cast = f"TRY_CAST({via} AS {wanted})"
    return cast, f"{filled} IS NOT NULL AND {cast} IS NULL"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
