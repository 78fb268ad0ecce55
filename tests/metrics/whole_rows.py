"""Rows with every column of their contract: what a row does not say is null.

Belongs here: filling in. Does not: any value but null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.contracts.contract import columns_of

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


def whole(rows: Rows, entity: str) -> list[dict[str, Any]]:
    """All rows of an entity."""
    empty = dict.fromkeys(columns_of(CONTRACTS[entity]))
    return [{**empty, **row} for row in rows.get(entity, ())]
