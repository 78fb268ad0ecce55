"""What Dataverse answers when it refuses.

Belongs here: error bodies. Does not: when they are due.
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.dynamics.shapes import Table

# learn.microsoft.com, "Web service error codes" and "Service protection API limits".
BAD_QUERY = "0x80060888"
NOT_FOUND = "0x80040217"
EXPIRED_VERSION = "0x80044352"
PRIVILEGE_DENIED = "0x80040220"
TOO_MANY_REQUESTS = "0x80072322"
TOO_MANY_AT_ONCE = "0x80072326"
Body = dict[str, Any]


class Refused(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """A call that Dataverse would refuse: status and body."""

    def __init__(self, status: int, body: Body) -> None:
        super().__init__(f"{status}: {body['error']['message']}")
        self.status = status
        self.body = body


def body(code: str, message: str) -> Body:
    """An error's body."""
    return {"error": {"code": code, "message": message}}


def bad(message: str, code: str = BAD_QUERY, status: int = 400) -> Refused:
    """400: what was asked for cannot be."""
    return Refused(status, body(code, message))


def no_such_set(name: str) -> Refused:
    """404: the environment has no table of that name."""
    return Refused(404, body(BAD_QUERY, f"Resource not found for the segment '{name}'."))


def no_such_row(table: Table, identifier: str) -> Refused:
    """404: there is no such row."""
    message = f"Entity '{table.name}' With Id = {identifier} Does Not Exist"
    return Refused(404, body(NOT_FOUND, message))


def expired() -> Refused:
    """400: the token of a delta link is too old."""
    message = "Version stamp associated with the client has expired. Please perform a full sync."
    return Refused(400, body(EXPIRED_VERSION, message))


def missing_privilege(table: Table) -> Body:
    """403: the application user's roles lack a privilege."""
    return body(
        PRIVILEGE_DENIED,
        "Principal user (Id=5d1c2e3f-0000-11f0-8002-0022482bf046, type=8, roleCount=1, "
        f"privilegeCount=410, accessMode='4 Non-interactive'), is missing {table.privilege} "
        f"privilege (Id=9a5dd3c1-0000-11f0-8000-0022482bf046) on OTC={table.type_code} for entity "
        f"'{table.name}' (LocalizedName='{table.name.capitalize()}'). Consider adding missed "
        "privilege to one of the principal (user/team) roles.",
    )


def too_many(limit: int) -> Body:
    """429: requests of the last five minutes."""
    return body(
        TOO_MANY_REQUESTS,
        f"Number of requests exceeded the limit of {limit} over time window of 300 seconds.",
    )


def too_many_at_once(limit: int) -> Body:
    """429: requests under way."""
    return body(TOO_MANY_AT_ONCE, f"Number of concurrent requests exceeded the limit of {limit}.")
