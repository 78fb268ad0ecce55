"""Chargebee's answers when something is wrong, and who may ask at what pace.

Belongs here: error bodies and the manners handed to the frame. Does not: good answers.
Source: https://apidocs.chargebee.com/docs/api/error-handling
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NotBase64Error
from math import ceil

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.frame import Limit, Manners

API_KEY = "sandbox-chargebee-key"
# A minute: 150 on test sites and the starter plan, 1,000 on performance, 3,500 on enterprise.
REQUESTS_PER_MINUTE = 3_500.0


class RefusedError(Exception):
    """A request that Chargebee answers with an error; carries the whole answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode())
        self.reply = reply


def error(
    status: int,
    code: str,
    message: str,
    *,
    kind: str | None = "invalid_request",
    param: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Reply:
    """An error's body; `error_code` and `error_msg` are kept from the first version."""
    body: dict[str, object] = {"message": message}
    if kind is not None:
        body["type"] = kind
    body |= {"api_error_code": code, "error_code": code, "error_msg": message}
    if param is not None:
        body |= {"param": param, "error_param": param}
    return Reply.json(status, body | {"http_status_code": status}, headers)


def not_found(identity: str) -> Reply:
    """No such record, or deleted."""
    return error(404, "resource_not_found", f"{identity} not found")


def no_such_url(call: Call) -> Reply:
    """A path that the API does not have."""
    message = f"Sorry, we couldn't find that resource: {call.path}"
    return error(404, "site_not_found" if call.path == "/" else "resource_not_found", message)


def wrong_method() -> Reply:
    """The sandbox is for reading."""
    return error(405, "http_method_not_supported", "The HTTP method is not supported here.")


def wrong_value(name: str, why: str) -> Reply:
    """A parameter that cannot be read, or that the list does not know."""
    return error(400, "param_wrong_value", f"{name} : {why}", param=name)


def wrong_catalog(name: str) -> Reply:
    """A list of the other product catalog."""
    message = f"This operation is not supported for the product catalog of this site: {name}"
    return error(400, "configuration_incompatible", message)


def _authenticate(call: Call) -> Reply | None:
    scheme, _, given = call.header("authorization").partition(" ")
    try:
        user, _, _ = b64decode(given, validate=True).decode("utf-8").partition(":")
    except (NotBase64Error, UnicodeDecodeError):
        user = ""
    if scheme.lower() == "basic" and user == API_KEY:
        return None
    message = "Sorry, authentication failed. Invalid API key."
    return error(401, "api_authentication_failed", message, kind=None)


def _too_many(call: Call, wait: float) -> Reply:
    message = "Sorry, the API request limit is exceeded. Please try again later."
    return error(
        429,
        "api_request_limit_exceeded",
        message,
        kind="operation_failed",
        headers=(("retry-after", str(max(1, ceil(wait)))),),
    )


MANNERS = Manners(
    authenticate=_authenticate,
    limits=(Limit("all", REQUESTS_PER_MINUTE, 60.0, too_many=_too_many),),
)
