"""What every contract is: a Pandera model that also knows its key and its DuckDB columns.

Belongs here: the class that entity models extend and the views of it that others need (DDL types,
descriptions). Does not: an entity's columns.
"""

from __future__ import annotations

from typing import Any

import pandera.pandas as pa

from revops_pipelines.contracts.columns import Moment, Text, key, moment


class Contract(pa.DataFrameModel):
    """One conformed entity. Every row says where it came from and when it last changed there."""

    source: Text = key("The configured source that the row came from, for example hubspot.")
    source_id: Text = key("The record's identifier in that source.")
    updated_at: Moment = moment("When the record last changed in its source.")
    deleted_at: Moment = moment("When the record was deleted, archived or merged away there.")

    class Config:
        """Columns beyond the contract are an error: a typo in a mapping must not vanish."""

        strict = True


# Pandera reads a leading underscore as private, so the two bookkeeping columns are renamed on the
# way in and out: in DuckDB they are `_updated_at` and `_deleted_at`.
STORED_NAMES = {"updated_at": "_updated_at", "deleted_at": "_deleted_at"}


def identity(
    identified_by: tuple[str, ...], references: dict[str, str] | None = None
) -> dict[str, Any]:
    """What a contract says of itself beside its columns.

    `identified_by` names the columns that identify a row once resolved; `references` maps a column
    that holds another entity's identifier to that entity.
    """
    return {"identified_by": identified_by, "references": references or {}}


def entity_of(contract: type[Contract]) -> str:
    """The table in the `conformed` schema."""
    return str(contract.to_schema().name)


def identifiers_of(contract: type[Contract]) -> tuple[str, ...]:
    """The columns that identify a row of the resolved table."""
    identified_by: tuple[str, ...] = _identity(contract)["identified_by"]
    return identified_by


def references_of(contract: type[Contract]) -> dict[str, str]:
    """Columns that hold another entity's identifier -> that entity."""
    references: dict[str, str] = _identity(contract)["references"]
    return references


def columns_of(contract: type[Contract]) -> dict[str, str]:
    """DuckDB column name -> DuckDB type, in the order the table shows them."""
    return {STORED_NAMES.get(name, name): spec["sql"] for name, spec in _specs(contract).items()}


def descriptions_of(contract: type[Contract]) -> dict[str, str]:
    """DuckDB column name -> what it means."""
    specs = _specs(contract)
    return {STORED_NAMES.get(name, name): str(spec["description"]) for name, spec in specs.items()}


def _identity(contract: type[Contract]) -> dict[str, Any]:
    contract.to_schema()  # collects the configuration
    return dict((contract.__config__ and contract.__config__.metadata) or {})


def _specs(contract: type[Contract]) -> dict[str, dict[str, Any]]:
    schema = contract.to_schema()
    specs = {
        name: {"sql": (column.metadata or {})["sql"], "description": column.description}
        for name, column in schema.columns.items()
    }
    bookkeeping = ("source", "source_id", "updated_at", "deleted_at")
    own = [name for name in specs if name not in bookkeeping]
    return {name: specs[name] for name in [*own, *bookkeeping]}
