"""Pulling what is read otherwise: the organization, memberships, audits, the definitions.

Belongs here: one function per such stream. Does not: tables with rows that change (`pull.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import msgspec

from revops_pipelines.engine.declarations import Pull
from revops_pipelines.engine.ingest.errors import CursorExpiredError, RequestRefusedError
from revops_pipelines.engine.ingest.nights import moment, tell_night
from revops_pipelines.resources.sources.dynamics.audit_details import with_changes
from revops_pipelines.resources.sources.dynamics.client import Dataverse
from revops_pipelines.resources.sources.dynamics.pull import (
    window_end,
    written,
)


class _Membership(msgspec.Struct):
    teammembershipid: str


def pull_organization(job: Pull) -> None:
    """The environment's own row.

    As the first stream that no pulse pulls, this one also tells the others so.
    """
    tell_night(job)
    api: Dataverse = job.client
    select = "organizationid,name,_basecurrencyid_value,isauditenabled,modifiedon"
    for page in api.pages("organizations", {"$select": select}, on_reject=job.reject):
        job.write(bytes(raw) for raw in page.value)
    job.finish({})


def pull_memberships(job: Pull) -> None:
    """Who is in which team; read whole, for it tells no changes."""
    api: Dataverse = job.client
    known: list[tuple[str]] = []
    select = {"$select": "teammembershipid,teamid,systemuserid"}
    for page in api.pages("teammemberships", select, on_reject=job.reject):
        job.write(bytes(raw) for raw in page.value)
        known.extend(
            (msgspec.json.decode(raw, type=_Membership).teammembershipid,) for raw in page.value
        )
    job.complete_ids(known)
    job.finish({})


def audit_puller(tables: Sequence[str]) -> Callable[[Pull], None]:
    """The pull of audits of those tables: never changed, so that a window of `createdon` will do.

    Audits that the environment has purged stay with us.
    """
    select = "auditid,createdon,operation,action,objecttypecode,_objectid_value,_userid_value"
    of = " or ".join(f"objecttypecode eq '{table}'" for table in tables)

    def pull(job: Pull) -> None:
        api: Dataverse = job.client
        left = job.cursor.get("left")
        if left is not None:
            try:
                _land_audits(job, left["link"], left["until"], {})
            except (CursorExpiredError, RequestRefusedError):
                pass
            else:
                return
        until = window_end(job, api)
        last = moment(job.cursor.get("until"))
        asked = f"createdon lt {written(until)} and ({of})"
        if last is not None:
            start = last - timedelta(minutes=api.options.look_back_minutes)
            asked = f"createdon ge {written(start)} and {asked}"
            until = max(until, last)
        params = {"$select": f"{select},changedata", "$filter": asked}
        _land_audits(job, None, until.isoformat(), params)

    return pull


def _land_audits(job: Pull, link: str | None, until: str, params: Mapping[str, str]) -> None:
    """Land a window's audits, from its first page or from where an earlier run was stopped."""
    api: Dataverse = job.client
    done = 0
    for page in api.follow(link, "audits", params, on_reject=job.reject):
        done += len(page.value)
        job.write(with_changes(job, page.value))
        page.value.clear()
        job.progress(done)
        if page.next:
            job.checkpoint(dict(job.cursor) | {"left": {"link": page.next, "until": until}})
    job.finish({"until": until})


def definition_puller(tables: Sequence[str]) -> Callable[[Pull], None]:
    """The pull of the columns of those tables, as the environment defines them."""

    def pull(job: Pull) -> None:
        api: Dataverse = job.client
        known: list[tuple[str, str]] = []
        for table in tables:
            definition = api.definition(table)
            readable = [each for each in definition.attributes if each.is_readable]
            job.write(
                msgspec.json.encode(
                    {
                        "table": table,
                        "name": each.logical_name,
                        "key": each.key,
                        "type": each.attribute_type,
                        "custom": each.is_custom_attribute,
                    }
                )
                for each in readable
            )
            known.extend((table, each.logical_name) for each in readable)
        job.complete_ids(known)
        job.finish({})

    return pull
