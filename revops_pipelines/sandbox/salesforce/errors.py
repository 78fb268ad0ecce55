"""Refusals as Salesforce writes them: a JSON list, whatever the status.

Belongs here: the shape and the few that several endpoints share. Does not: when one is due.
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.calls import Reply


class Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    """An answer that is an error: status, `errorCode` and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> list[dict[str, Any]]:
        """The list that is sent."""
        return [{"message": self.message, "errorCode": self.code}]

    def reply(self) -> Reply:
        """The same for the frame."""
        return Reply.json(self.status, self.body)


def not_found() -> Refused:
    """No such path or record."""
    return Refused(404, "NOT_FOUND", "The requested resource does not exist")


def malformed(message: str) -> Refused:
    """A query that cannot be read."""
    return Refused(400, "MALFORMED_QUERY", message)


def invalid_field(message: str) -> Refused:
    """A field that does not exist, is not permitted, or cannot be compared so."""
    return Refused(400, "INVALID_FIELD", message)


def invalid_session() -> Refused:
    """The token expired, or never was one."""
    return Refused(401, "INVALID_SESSION_ID", "Session expired or invalid")


def too_many_requests() -> Refused:
    """The day's calls are used up."""
    return Refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
