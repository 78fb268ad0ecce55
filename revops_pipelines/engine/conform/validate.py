"""Step two: judge the rows that changed; the failing ones are named with rule and column.

Belongs here: running Pandera over chunks and reading its findings. Does not: where failing rows go
(`quarantine`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter

import duckdb
import pandas as pd
import pandera.pandas as pa

from revops_pipelines.contracts.contract import STORED_NAMES, Contract, columns_of
from revops_pipelines.engine.conform.stage import INCOMING

CHUNK_ROWS = 100_000
CHANGED = "conform_changed"


@dataclass(frozen=True, slots=True)
class Violation:
    """One row breaks one rule. `row` is its `_row` in `incoming`."""

    row: int
    rule: str
    column: str | None
    value: str | None


def violations(
    connection: duckdb.DuckDBPyConnection, contract: type[Contract]
) -> Iterator[Violation]:
    """Every breach among the rows of the table `changed`, chunk by chunk."""
    yield from _uncast(connection)
    yield from _doubled(connection)
    stored = {own: name for name, own in STORED_NAMES.items()}
    names = ", ".join(f'"{name}"' for name in columns_of(contract))
    reader = connection.execute(
        f"SELECT {names}, _row FROM {INCOMING} SEMI JOIN {CHANGED} USING (_row) ORDER BY _row"
    ).to_arrow_reader(CHUNK_ROWS)
    for batch in reader:
        frame = batch.to_pandas(types_mapper=pd.ArrowDtype).rename(columns=stored)
        frame.index = pd.Index(frame.pop("_row").astype("int64"))
        yield from _judged(frame, contract)


def _judged(frame: pd.DataFrame, contract: type[Contract]) -> Iterator[Violation]:
    try:
        contract.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as found:
        # Pandera tells a rule on whole rows once for each of the row's columns.
        whole_rows: set[Violation] = set()
        for case in found.failure_cases.itertuples(index=False):
            rule, column, row = str(case.check), case.column, case.index
            if row is None or pd.isna(row):
                raise found from None
            if case.schema_context == "DataFrameSchema":
                whole_rows.add(Violation(int(row), _rule_name(rule), None, None))
                continue
            value = None if case.failure_case is None else str(case.failure_case)
            own = STORED_NAMES.get(str(column), str(column))
            yield Violation(int(row), _rule_name(rule), own, value)
        yield from sorted(whole_rows, key=attrgetter("row", "rule"))


def _rule_name(check: str) -> str:
    """`greater_than_or_equal_to(0)` stays readable; a list of allowed values is too long to."""
    return check.split("(", maxsplit=1)[0] if len(check) > 60 else check


def _uncast(connection: duckdb.DuckDBPyConnection) -> Iterator[Violation]:
    rows = connection.execute(
        f"SELECT _row, unnest(_uncast) FROM {INCOMING} SEMI JOIN {CHANGED} USING (_row)"
    ).fetchall()
    for row, column in rows:
        yield Violation(row, "cast", column, None)


def _doubled(connection: duckdb.DuckDBPyConnection) -> Iterator[Violation]:
    """All but the newest row of one (source, source_id)."""
    rows = connection.execute(
        f"SELECT _row FROM {INCOMING} QUALIFY row_number() OVER "
        "(PARTITION BY source, source_id ORDER BY _updated_at DESC NULLS LAST, _row_hash) > 1"
    ).fetchall()
    for (row,) in rows:
        yield Violation(row, "unique", "source_id", None)
