"""Google's way of saying no.

Belongs here: error bodies. Does not: when they are sent.

Source: https://developers.google.com/analytics/devguides/reporting/data/v1/errors
"""

from __future__ import annotations

from typing import Any

from revops_pipelines.sandbox.calls import Reply

_STATUSES = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
}


class Ga4Error(Exception):
    """A call that is refused, with Google's status and message."""

    def __init__(self, status: str, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.reason = status, message, reason

    @property
    def reply(self) -> Reply:
        """The whole answer."""
        return refusal(self.status, self.message, self.reason)


def refusal(status: str, message: str, reason: str = "") -> Reply:
    """An error as Google's APIs word it; `reason` is in an ErrorInfo among the details.

    >>> refusal("RESOURCE_EXHAUSTED", "Exhausted").status
    429
    """
    code = _STATUSES[status]
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if reason:
        info = "type.googleapis.com/google.rpc.ErrorInfo"
        error["details"] = [{"@type": info, "reason": reason, "domain": "googleapis.com"}]
    return Reply.json(code, {"error": error})
