"""What HubSpot answers when it refuses.

Belongs here: error bodies word for word. Does not: when they are due.

`correlationId` is made from the message, not drawn, so that answers stay the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

UNAUTHORIZED_MESSAGE = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can "
    "find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
MISSING_SCOPES_MESSAGE = (
    "This app hasn't been granted all required scopes to make this call. Read more about required "
    "scopes here: https://developers.hubspot.com/scopes."
)
Body = dict[str, Any]


class Refused(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """A call that HubSpot would refuse: status and body."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(f"{status}: {body['message']}")
        self.status = status
        self.body = body


def _body(message: str, category: str, **more: Any) -> Body:
    correlation = str(uuid5(NAMESPACE_URL, f"{category}:{message}"))
    return {
        "status": "error",
        "message": message,
        "correlationId": correlation,
        "category": category,
        **more,
    }


def unauthorized() -> Body:
    """401: no key, or not this one."""
    return _body(UNAUTHORIZED_MESSAGE, "INVALID_AUTHENTICATION")


def missing_scopes(*scopes: str) -> Body:
    """403: the key lacks a scope."""
    detail = {
        "message": "One or more of the following scopes are required.",
        "context": {"requiredGranularScopes": list(scopes)},
    }
    links = {"scopes": "https://developers.hubspot.com/scopes"}
    return _body(MISSING_SCOPES_MESSAGE, "MISSING_SCOPES", errors=[detail], links=links)


def too_many(policy: str) -> Body:
    """429; `policy` is SECONDLY (search), TEN_SECONDLY_ROLLING or DAILY."""
    message = f"You have reached your {policy.lower()} limit."
    body = _body(message, "RATE_LIMITS", errorType="RATE_LIMIT", policyName=policy)
    body["requestId"] = body["correlationId"]
    return body


def not_found(message: str = "resource not found") -> Refused:
    """404 of a record, or of a type that does not exist."""
    return Refused(404, _body(message, "OBJECT_NOT_FOUND"))


def invalid(message: str, **context: str) -> Refused:
    """400: what was asked for cannot be."""
    more: dict[str, Any] = {}
    if context:
        more["context"] = {name: [value] for name, value in context.items()}
    return Refused(400, _body(message, "VALIDATION_ERROR", **more))
