"""What an audit changed, asked for one by one where the list of audits does not tell it.

Belongs here: `RetrieveAuditDetails` and its answer in the words of `changedata`. Does not: which
audits are read (`tables.py`).

`changedata` holds `{"changedAttributes": [{"logicalName", "oldValue", "newValue"}]}`, all text; the
details hold two rows, before and after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.resources.sources.dynamics.client import LOGICAL_NAME, Dataverse

_CREATE, _UPDATE = 1, 2


class _Audit(msgspec.Struct):
    auditid: str
    operation: int = 0
    changedata: str | None = None


class _Detail(msgspec.Struct, rename="pascal"):
    old_value: dict[str, Any] = {}
    new_value: dict[str, Any] = {}


class _Details(msgspec.Struct, rename="pascal"):
    audit_detail: _Detail


def with_changes(job: Pull, records: Sequence[bytes]) -> list[bytes]:
    """The audits, those that do not tell what they changed completed by their details."""
    told = [msgspec.json.decode(record, type=_Audit) for record in records]
    silent = [
        each.auditid
        for each in told
        if each.changedata is None and each.operation in (_CREATE, _UPDATE)
    ]
    if not silent:
        return list(records)
    api: Dataverse = job.client
    found: dict[str, bytes] = {}

    def ask(audit: str) -> None:
        path = f"audits({audit})/Microsoft.Dynamics.CRM.RetrieveAuditDetails"
        detail = api.get(_Details, path, {}).audit_detail
        found[audit] = msgspec.json.encode(changes(detail.old_value, detail.new_value))

    job.each(ask, silent)
    return [
        _completed(record, found[audit.auditid]) if audit.auditid in found else record
        for record, audit in zip(records, told, strict=True)
    ]


def _completed(record: bytes, changed: bytes) -> bytes:
    """A record with its changes, as text within it."""
    parts = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
    parts["changedata"] = msgspec.Raw(msgspec.json.encode(changed.decode()))
    return msgspec.json.encode(parts)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Two rows as `changedata` would tell them.

    >>> changes({"statecode": 0}, {"statecode": 1})
    {'changedAttributes': [{'logicalName': 'statecode', 'oldValue': '0', 'newValue': '1'}]}
    """
    keys = sorted({key for key in (*before, *after) if "@" not in key})
    return {
        "changedAttributes": [
            {
                "logicalName": key[1:].removesuffix("_value") if key.startswith("_") else key,
                "oldValue": _text(before, key),
                "newValue": _text(after, key),
            }
            for key in keys
        ]
    }


def _text(row: Mapping[str, Any], key: str) -> str | None:
    """A value as text: a lookup is `table,identifier`."""
    value = row.get(key)
    if value is None:
        return None
    table = row.get(f"{key}@{LOGICAL_NAME}")
    return f"{table},{value}" if table else str(value)
