"""The column kinds that contracts are written in.

Belongs here: one Arrow type per kind and a maker per kind that carries its DuckDB type.
Does not: anything about a particular entity.

The Arrow type is what Pandera checks, the `sql` metadata is what DuckDB stores, the description
is what the docs and Dagster's column schema show: one statement feeds all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow

Text = Annotated[pd.ArrowDtype, arrow.string()]
Json = Annotated[pd.ArrowDtype, arrow.string()]
Integer = Annotated[pd.ArrowDtype, arrow.int64()]
Number = Annotated[pd.ArrowDtype, arrow.float64()]
Money = Annotated[pd.ArrowDtype, arrow.decimal128(18, 2)]
Quantity = Annotated[pd.ArrowDtype, arrow.decimal128(18, 4)]
Rate = Annotated[pd.ArrowDtype, arrow.decimal128(24, 10)]
Flag = Annotated[pd.ArrowDtype, arrow.bool_()]
Moment = Annotated[pd.ArrowDtype, arrow.timestamp("us")]
Day = Annotated[pd.ArrowDtype, arrow.date32()]

# A real record of a company's revenue lies between these; epoch zero and year 9999 do not.
EARLIEST = pd.Timestamp("1990-01-01")
LATEST = pd.Timestamp("2100-01-01")


def text(
    description: str, *, nullable: bool = True, one_of: Sequence[str] | None = None, **checks: Any
) -> Any:
    """A string; `one_of` lists the only values allowed."""
    if one_of is not None:
        checks["isin"] = list(one_of)
    return _field("VARCHAR", description, nullable, checks)


def key(description: str) -> Any:
    """An identifier that is never null and never empty."""
    return _field("VARCHAR", description, False, {"str_length": {"min_value": 1}})


def json(description: str) -> Any:
    """A JSON document kept as text (custom fields, dimensions)."""
    return _field("JSON", description, True, {})


def integer(description: str, *, nullable: bool = True, **checks: Any) -> Any:
    """A whole number."""
    return _field("BIGINT", description, nullable, checks)


def number(description: str, *, nullable: bool = True, **checks: Any) -> Any:
    """A measured quantity; never money."""
    return _field("DOUBLE", description, nullable, checks)


def money(description: str, *, nullable: bool = True, **checks: Any) -> Any:
    """An exact amount in the row's currency, in major units, to the cent."""
    return _field("DECIMAL(18,2)", description, nullable, checks)


def quantity(description: str, *, nullable: bool = True, **checks: Any) -> Any:
    """An exact count of seats or units."""
    return _field("DECIMAL(18,4)", description, nullable, checks)


def rate(description: str, *, nullable: bool = False, **checks: Any) -> Any:
    """An exact ratio such as a rate of exchange."""
    return _field("DECIMAL(24,10)", description, nullable, checks)


def flag(description: str, *, nullable: bool = False) -> Any:
    """True or false."""
    return _field("BOOLEAN", description, nullable, {})


def moment(description: str, *, nullable: bool = True) -> Any:
    """An instant, stored as a UTC timestamp."""
    return _field("TIMESTAMP", description, nullable, {"ge": EARLIEST, "lt": LATEST})


def day(description: str, *, nullable: bool = True) -> Any:
    """A calendar day."""
    bounds = {"ge": EARLIEST.date(), "lt": LATEST.date()}
    return _field("DATE", description, nullable, bounds)


def currency(description: str = "ISO 4217 code, upper case.", *, nullable: bool = False) -> Any:
    """A currency code."""
    return _field("VARCHAR", description, nullable, {"str_matches": r"^[A-Z]{3}$"})


def _field(sql: str, description: str, nullable: bool, checks: dict[str, Any]) -> Any:
    return pa.Field(
        nullable=nullable, description=description, metadata={"sql": sql}, coerce=False, **checks
    )
