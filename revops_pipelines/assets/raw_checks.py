"""The checks of a raw asset: do its records still look as declared, and are all of them here.

Belongs here: what Dagster is told of a load's drift and reconciliation. Does not: finding either
(`engine.ingest.fields`, `engine.ingest.reconcile`).

Neither check blocks: what landed is true as far as it goes. They are for people to act on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import dagster as dg

from revops_pipelines.engine.factories.metadata import table
from revops_pipelines.engine.ingest.fields import Drift
from revops_pipelines.engine.ingest.load import Loaded
from revops_pipelines.engine.ingest.reconcile import Reconciled
from revops_pipelines.engine.ingest.sums import Summed

FIELDS_CHECK = "fields"
RECONCILIATION_CHECK = "reconciliation"


def raw_check_specs(keys: Iterable[dg.AssetKey]) -> Iterator[dg.AssetCheckSpec]:
    """Both checks of every stream."""
    for key in keys:
        yield dg.AssetCheckSpec(
            FIELDS_CHECK,
            asset=key,
            description="Declared fields are sent and their values cast; new fields are named.",
        )
        yield dg.AssetCheckSpec(
            RECONCILIATION_CHECK,
            asset=key,
            description="As many records landed as the system counts, every key that it lists, and "
            "amounts are the sums of their parts.",
        )


def fields_check(key: dg.AssetKey, loaded: Loaded) -> dg.AssetCheckResult:
    """What the check of fields says of a load."""
    return _fields(key, loaded.drift, loaded.rows_read)


def _fields(key: dg.AssetKey, drift: Drift, records: int) -> dg.AssetCheckResult:
    said = [
        *(f"{field.path} is no longer sent" for field in drift.vanished),
        *(
            f"{each.records:,} of {records:,} values of {each.column} do not cast"
            for each in drift.uncast
        ),
    ]
    if drift.new:
        said.append(f"new: {', '.join(field.path for field in drift.new)}")
    rows = [
        {"field": field.path, "what": what, "since": f"{field.at:%Y-%m-%d %H:%M} UTC"}
        for what, fields in (("vanished", drift.vanished), ("new", drift.new))
        for field in fields
    ]
    metadata: dict[str, Any] = {
        "fields": table({"field": "string", "what": "string", "since": "string"}, rows)
    }
    if drift.uncast:
        metadata["see"] = (
            f"SELECT * FROM ops.quarantine WHERE entity = 'raw.{key.path[1]}__{key.path[2]}'"
        )
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=FIELDS_CHECK,
        passed=not (drift.vanished or drift.uncast),
        severity=dg.AssetCheckSeverity.ERROR if drift.vanished else dg.AssetCheckSeverity.WARN,
        description="; ".join(said) or "as declared",
        metadata=metadata,
    )


def reconciliation_check(
    key: dg.AssetKey, found: Reconciled, sums: Sequence[Summed] = ()
) -> dg.AssetCheckResult:
    """What the check of counts, keys and sums says of a load; sums alone only warn."""
    said = []
    metadata: dict[str, Any] = {}
    if found.promised is not None:
        said.append(f"{found.landed:,} records landed, the system counts {found.promised:,}")
        metadata |= {"promised": found.promised, "landed": found.landed, "short": found.short}
    if found.missing:
        said.append(f"{found.missing:,} listed keys never came: {', '.join(found.missing_keys)}")
        metadata |= {"missing": found.missing, "missing_keys": list(found.missing_keys)}
    for each in sums:
        said.append(f"{each.sum.name}: {each.different:,} of {each.compared:,} differ")
        metadata[each.sum.name] = _differences(each)
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=RECONCILIATION_CHECK,
        passed=found.agrees and not any(each.different for each in sums),
        severity=dg.AssetCheckSeverity.WARN if found.agrees else dg.AssetCheckSeverity.ERROR,
        description="; ".join(said) or "the system tells no count",
        metadata=metadata,
    )


def _differences(found: Summed) -> Any:
    """The first differences as a table: identifiers and amounts, nothing of people."""
    columns = {"id": "string", "currency": "string", "stated": "string", "sum": "string"}
    rows = [
        {
            "id": each.id,
            "currency": each.currency or "",
            "stated": str(each.expected),
            "sum": str(each.actual),
        }
        for each in found.shown
    ]
    return table(columns, rows)
