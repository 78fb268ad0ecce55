"""SQL that tells where a run of equal rows ends.

Belongs here: what any ledger needs to join neighbouring days in which nothing changed. Does not:
which columns make a difference; those are the ledger's own.
"""

from __future__ import annotations

from collections.abc import Sequence


def differs(columns: Sequence[str], window: str = "w") -> str:
    """SQL that is true where a row differs from the one before it in the window; nulls are equal.

    The first row of a window differs, unless all columns are null.
    """
    before = ", ".join(f"lag({column}) OVER {window}" for column in columns)
    return f"({before})\n                        IS DISTINCT FROM ({', '.join(columns)})"


def any_values(columns: Sequence[str]) -> str:
    """Select items for columns that are equal in all rows of a group."""
    return ", ".join(f"any_value({column}) AS {column}" for column in columns)
