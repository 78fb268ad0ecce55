"""Stripe's answers when something is wrong, and who may ask at what pace.

Belongs here: error bodies and the manners handed to the frame. Does not: good answers.
Source: https://docs.stripe.com/api/errors, https://docs.stripe.com/rate-limits
"""

from __future__ import annotations

from revops_pipelines.sandbox.calls import Call, Reply
from revops_pipelines.sandbox.frame import Limit, Manners

API_KEY = "sandbox-stripe-key"
VERSION = "2026-10-28.endive"
# Before basil, periods and payments had other places; the sandbox only speaks the new ones.
OLDEST_VERSION = "2025-03-31"
REQUESTS_PER_SECOND = 100.0
DOCS = "https://stripe.com/docs/error-codes"


class RefusedError(Exception):
    """A request that Stripe answers with an error; carries the whole answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body.decode())
        self.reply = reply


def error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    kind: str = "invalid_request_error",
) -> Reply:
    """An error's body: `{"error": {...}}`."""
    body = {"message": message, "type": kind}
    if code is not None:
        body |= {"code": code, "doc_url": f"{DOCS}/{code.replace('_', '-')}"}
    if param is not None:
        body["param"] = param
    return Reply.json(status, {"error": body})


def missing(noun: str, identity: str, param: str = "id", status: int = 404) -> Reply:
    """No such object."""
    return error(status, f"No such {noun}: '{identity}'", code="resource_missing", param=param)


def unknown_parameter(name: str) -> Reply:
    """A parameter that the list does not know."""
    return error(400, f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def invalid_integer(name: str, value: str) -> Reply:
    """A number that is none."""
    return error(400, f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)


def no_such_url(call: Call) -> Reply:
    """A path or method that the API does not have."""
    return error(404, f"Unrecognized request URL ({call.method}: {call.path}).")


def _authenticate(call: Call) -> Reply | None:
    given = call.header("authorization")
    kind, _, key = given.partition(" ")
    if not given or not key:
        return error(401, "You did not provide an API key. Use the Authorization header.")
    if kind.lower() != "bearer" or key.strip() != API_KEY:
        return error(401, f"Invalid API Key provided: {key[:7]}{'*' * 8}{key[-4:]}")
    version = call.header("stripe-version")
    if version and version[:10] < OLDEST_VERSION:
        return error(400, f"Invalid Stripe API version: {version}")
    return None


def _too_many(call: Call, wait: float) -> Reply:
    return error(
        429,
        "Request rate limit exceeded. You can learn more about rate limits here: "
        "https://stripe.com/docs/rate-limits.",
        code="rate_limit",
    )


MANNERS = Manners(
    authenticate=_authenticate,
    limits=(Limit("all", REQUESTS_PER_SECOND, 1.0, too_many=_too_many),),
)
