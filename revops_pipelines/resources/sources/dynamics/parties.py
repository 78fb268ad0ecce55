"""Who took part in activities: asked for beside them and kept within their records.

Belongs here: the participants of a page of activities. Does not: the activities (`pull.py`).

Dataverse keeps participants in a table of their own, which has no time of change and gets new rows
whenever the activity is edited. Inside the activity's record they are replaced with it.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.resources.sources.dynamics.client import LOGICAL_NAME, Dataverse

_SELECT = "_activityid_value,_partyid_value,participationtypemask,addressused"


class _Party(msgspec.Struct):
    activity: str | None = msgspec.field(name="_activityid_value", default=None)
    party: str | None = msgspec.field(name="_partyid_value", default=None)
    table: str | None = msgspec.field(name=f"_partyid_value@{LOGICAL_NAME}", default=None)
    role: int | None = msgspec.field(name="participationtypemask", default=None)
    address: str | None = msgspec.field(name="addressused", default=None)


def with_parties(job: Pull, records: list[bytes], keys: list[str]) -> list[bytes]:
    """The records, each with a list `parties` of id, table, role and address."""
    api: Dataverse = job.client
    found: dict[str, list[_Party]] = {}

    def ask(some: Sequence[str]) -> None:
        for party in _asked(job, api, some):
            # One thread per batch; the batches have no activity in common.
            if party.activity is not None:
                found.setdefault(party.activity, []).append(party)

    size = api.options.party_batch
    job.each(ask, [keys[start : start + size] for start in range(0, len(keys), size)])
    return [
        _joined(bytes(record), found.get(key, ()))
        for record, key in zip(records, keys, strict=True)
    ]


def _asked(job: Pull, api: Dataverse, activities: Sequence[str]) -> list[_Party]:
    values = ",".join(f"'{each}'" for each in activities)
    params = {
        "$select": _SELECT,
        "$filter": "Microsoft.Dynamics.CRM.In(PropertyName='activityid',"
        f"PropertyValues=[{values}])",
    }
    return [
        msgspec.json.decode(raw, type=_Party)
        for page in api.pages("activityparties", params, on_reject=job.reject)
        for raw in page.value
    ]


def _joined(record: bytes, parties: Sequence[_Party]) -> bytes:
    """A record with its participants, in an order of their own; a page that came twice adds none.

    >>> _joined(b'{"activityid":"a"}', [_Party("a", "p", "lead", 2, None)] * 2)
    b'{"activityid":"a","parties":[{"id":"p","table":"lead","role":2,"address":null}]}'
    """
    different = {(each.party, each.table, each.role, each.address) for each in parties}
    ordered = sorted(different, key=lambda each: (each[2] or 0, each[0] or "", each[3] or ""))
    told = [
        {"id": party, "table": table, "role": role, "address": address}
        for party, table, role, address in ordered
    ]
    return b'%b,"parties":%b}' % (record.rstrip()[:-1], msgspec.json.encode(told))
