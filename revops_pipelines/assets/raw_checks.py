"""The checks of a raw asset: do its records still look as declared, and are all of them here.

Belongs here: what Dagster is told of a load's drift and reconciliation. Does not: finding either
(`engine.ingest.fields`, `engine.ingest.reconcile`).

Neither check blocks: what landed is true as far as it goes. They are for people to act on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import dagster as dg

from revops_pipelines.engine.factories.metadata import table
from revops_pipelines.engine.ingest.fields import Drift
from revops_pipelines.engine.ingest.load import Loaded
from revops_pipelines.engine.ingest.reconcile import Reconciled

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
            description="As many records landed as the system counts, and every key that it lists.",
        )


def raw_checks(key: dg.AssetKey, loaded: Loaded) -> list[dg.AssetCheckResult]:
    """What both checks say of a load."""
    return [_fields(key, loaded.drift, loaded.rows_read), _reconciliation(key, loaded.reconciled)]


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


def _reconciliation(key: dg.AssetKey, found: Reconciled) -> dg.AssetCheckResult:
    said = []
    metadata: dict[str, Any] = {}
    if found.promised is not None:
        said.append(f"{found.landed:,} records landed, the system counts {found.promised:,}")
        metadata |= {"promised": found.promised, "landed": found.landed, "short": found.short}
    if found.missing:
        said.append(f"{found.missing:,} listed keys never came: {', '.join(found.missing_keys)}")
        metadata |= {"missing": found.missing, "missing_keys": list(found.missing_keys)}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=RECONCILIATION_CHECK,
        passed=found.agrees,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(said) or "the system tells no count",
        metadata=metadata,
    )
