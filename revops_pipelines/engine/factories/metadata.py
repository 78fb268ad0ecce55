"""What Dagster shows beside an asset: columns, counts, tables of reasons.

Belongs here: turning declarations and results into Dagster metadata. Does not: rows of data; the UI
shows counts only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg


def column_schema(columns: Mapping[str, str], descriptions: Mapping[str, str]) -> dg.TableSchema:
    """Dagster's column schema of a table: name, type, meaning."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name, type_, description=descriptions.get(name))
            for name, type_ in columns.items()
        ]
    )


def same_named_lineage(
    columns: Iterable[str], inputs: Mapping[dg.AssetKey, Iterable[str]]
) -> dg.TableColumnLineage:
    """Column lineage by name: a column comes from the inputs' columns that bear its name.

    The house names the same quantity the same way everywhere, so names carry lineage.
    """
    known = {key: set(names) for key, names in inputs.items()}
    return dg.TableColumnLineage(
        deps_by_column={
            column: [
                dg.TableColumnDep(asset_key=key, column_name=column)
                for key, names in known.items()
                if column in names
            ]
            for column in columns
        }
    )


def table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """A table for the UI; `columns` maps a name to a Dagster type (string, int, float)."""
    return dg.MetadataValue.table(
        records=[dg.TableRecord(dict(row)) for row in rows],
        schema=dg.TableSchema([dg.TableColumn(name, type_) for name, type_ in columns.items()]),
    )
