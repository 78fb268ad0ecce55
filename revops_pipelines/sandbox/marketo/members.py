"""Program members: who takes part in which program, and how far they came.

Belongs here: memberships folded from the activity log, and the answers under
/rest/v1/programs/{id}/members. Does not: bulk extracts of them (`exports.py`).

A membership is what the changes of a person's status in a program have made of it. Members that
are deleted or merged away are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from revops_pipelines.sandbox.marketo.answers import (
    MarketoError,
    batch_size,
    listed,
    merged,
    moment_of,
    needed,
    parts_of,
    query_of,
    stamp,
    success,
    token_of,
)
from revops_pipelines.sandbox.marketo.database import Database
from revops_pipelines.sandbox.marketo.records import attributes_of
from revops_pipelines.sandbox.world.marketing_shapes import Activity

MOST_VALUES = 300


class Member(NamedTuple):
    """One membership."""

    program_id: int
    program: str
    lead_id: int
    since: int
    updated: int
    status: str
    succeeded_at: int | None
    acquired: bool


# name: (data type, value)
FIELDS: Mapping[str, tuple[str, Callable[[Member], Any]]] = {
    "acquiredBy": ("boolean", lambda member: member.acquired),
    "createdAt": ("datetime", lambda member: stamp(member.since)),
    "isExhausted": ("boolean", lambda member: False),
    "leadId": ("integer", lambda member: member.lead_id),
    "membershipDate": ("datetime", lambda member: stamp(member.since)),
    "nurtureCadence": ("string", lambda member: None),
    "program": ("string", lambda member: member.program),
    "programId": ("integer", lambda member: member.program_id),
    "reachedSuccess": ("boolean", lambda member: member.succeeded_at is not None),
    "reachedSuccessDate": (
        "datetime",
        lambda member: None if member.succeeded_at is None else stamp(member.succeeded_at),
    ),
    "statusName": ("string", lambda member: member.status),
    "trackName": ("string", lambda member: None),
    "updatedAt": ("datetime", lambda member: stamp(member.updated)),
}
_ALWAYS = ("leadId", "reachedSuccess", "programId", "acquiredBy", "membershipDate")


def members_of(database: Database, programs: Iterable[int]) -> Iterator[Member]:
    """Memberships in some programs as of now, in order of program and lead."""
    for program in sorted(set(programs)):
        found: dict[int, Member] = {}
        for activity in database.progressions(program):
            if database.lead(activity.lead_id) is not None:
                found[activity.lead_id] = _after(activity, program, found.get(activity.lead_id))
        yield from (member for _, member in sorted(found.items()))


def _after(activity: Activity, program: int, before: Member | None) -> Member:
    """A membership after a change of status."""
    said = attributes_of(activity)
    succeeded = before.succeeded_at if before else None
    if said.get("Success") and succeeded is None:
        succeeded = activity.at
    return Member(
        program,
        str(activity.value),
        activity.lead_id,
        before.since if before else activity.at,
        activity.at,
        str(said.get("New Status")),
        succeeded,
        bool(said.get("Acquired By")) or (before is not None and before.acquired),
    )


def member_record(member: Member, fields: tuple[str, ...]) -> dict[str, Any]:
    """A membership in the answer of a list; some fields come unasked."""
    return {name: FIELDS[name][1](member) for name in dict.fromkeys((*_ALWAYS, *fields))}


class Members:
    """The endpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def describe(self, request: Request) -> Response:
        """GET /rest/v1/programs/members/describe.json."""
        fields = [
            {
                "name": name,
                "displayName": name,
                "dataType": kind,
                "updateable": False,
                "crmManaged": False,
            }
            for name, (kind, _) in FIELDS.items()
        ]
        described = {
            "name": "API Program Membership",
            "description": "Map for API program membership fields",
            "createdAt": stamp(0),
            "updatedAt": stamp(0),
            "dedupeFields": ["leadId", "programId"],
            "searchableFields": [["leadId"], ["reachedSuccess"], ["statusName"]],
            "fields": fields,
        }
        return success([described])

    async def by_filter(self, request: Request) -> Response:
        """GET /rest/v1/programs/{id}/members.json, or POST with `_method=GET`."""
        query = query_of(request)
        if request.method == "POST":
            query |= merged(parse_qsl((await request.body()).decode()))
            if query.get("_method") != "GET":
                raise MarketoError("603", "Access denied")
        number = request.path_params["number"]
        if not number.isdigit():
            raise MarketoError("1003", f"Invalid program id '{number}'")
        wanted = _test(query)
        fields = tuple(listed(query, "fields"))
        for name in fields:
            if name not in FIELDS:
                raise MarketoError("1006", f"Field '{name}' not found")
        found = [each for each in members_of(self._database, {int(number)}) if wanted(each)]
        begin = parts_of(query["nextPageToken"])[0] if query.get("nextPageToken") else 0
        most = batch_size(query)
        more: dict[str, Any] = {"moreResult": begin + most < len(found)}
        if more["moreResult"]:
            more["nextPageToken"] = token_of(begin + most)
        page = found[begin : begin + most]
        records = [{"seq": seq, **member_record(member, fields)} for seq, member in enumerate(page)]
        return success(records, **more)


def _test(query: Mapping[str, str]) -> Callable[[Member], bool]:
    kind = needed(query, "filterType")
    if kind == "updatedAt":
        since, until = moment_of(needed(query, "startAt")), moment_of(needed(query, "endAt"))
        return lambda member: since <= member.updated <= until
    if kind not in ("leadId", "reachedSuccess", "statusName"):
        raise MarketoError("1003", f"Invalid filterType '{kind}'")
    needed(query, "filterValues")
    values = set(listed(query, "filterValues"))
    if len(values) > MOST_VALUES:
        raise MarketoError("1003", f"Too many values for filterValues: over {MOST_VALUES}")
    return lambda member: str(FIELDS[kind][1](member)).lower() in {v.lower() for v in values}
