"""Reaching Stripe: credentials, version, limits, and the reading of its errors.

Belongs here: the one HTTP client of an account and the envelopes of its answers. Does not: which
streams there are (`streams.py`) or how they are walked (`pull.py`).
"""

from __future__ import annotations

import msgspec

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import VendorError, Verdict
from revops_pipelines.engine.ingest.http import HttpClient, Response
from revops_pipelines.engine.ingest.limits import Limit, Limiter
from revops_pipelines.resources.sources.stripe.options import StripeOptions

ENDPOINTS = (
    "balance_transactions",
    "charges",
    "coupons",
    "credit_notes",
    "customers",
    "disputes",
    "events",
    "invoice_payments",
    "invoiceitems",
    "invoices",
    "prices",
    "products",
    "refunds",
    "subscription_items",
    "subscription_schedules",
    "subscriptions",
)

_MISSING_KEY = "Stripe needs an API key: set STRIPE_API_KEY to a restricted key with read access"


class _Error(msgspec.Struct):
    type: str = ""
    code: str = ""
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _Error | None = None


def connect(connection: Connection) -> HttpClient:
    """The account's client. Raises ValueError without a key."""
    options: StripeOptions = connection.options
    key = connection.secrets.get("api_key", "")
    if not key:
        raise ValueError(_MISSING_KEY)
    headers = {"Authorization": f"Bearer {key}", "Stripe-Version": options.version}
    per_endpoint = Limit(options.endpoint_requests_per_second)
    return HttpClient(
        options.base_url,
        auth=lambda: headers,
        limiter=Limiter(Limit(options.requests_per_second), dict.fromkeys(ENDPOINTS, per_endpoint)),
        read_error=read_error,
        secrets=(key,),
        allow_private=options.allow_private_address,
        now=connection.now,
    )


def read_error(response: Response) -> VendorError | None:
    """The error in an answer, by its `error.type`, `error.code` and status; None for data.

    No list and no record begins with `error`: what does is one, whatever its status.

    `{"error": {"type": "invalid_request_error", "code": "resource_missing", ...}}` with 404 is
    fatal for the request; `code: lock_timeout` asks for another try although its status is 429
    and no limit was hit. Source: https://docs.stripe.com/error-low-level
    """
    if response.status < 400 and not response.body.lstrip()[:9].startswith(b'{"error":'):
        return None
    error = _error_in(response.body)
    if error is None:
        return None
    verdict = _VERDICTS.get(error.code) or _verdict_of(response.status, error.type)
    return VendorError(verdict, error.message or error.type, error.code or error.type)


_VERDICTS = {
    "rate_limit": Verdict.THROTTLED,
    "lock_timeout": Verdict.RETRY,
    # The test-mode allowance of requests at once; passes like a rate limit.
    "too_many_concurrent_requests": Verdict.THROTTLED,
}


def _verdict_of(status: int, kind: str) -> Verdict:
    if status == 401:
        return Verdict.REFRESH
    if status == 403:
        return Verdict.PERMISSION
    if status == 429:
        return Verdict.THROTTLED
    if status >= 500 or status == 409 or kind == "api_error":
        return Verdict.RETRY
    return Verdict.FATAL


def _error_in(body: bytes) -> _Error | None:
    try:
        return msgspec.json.decode(body, type=_ErrorBody).error
    except msgspec.DecodeError:
        return None
