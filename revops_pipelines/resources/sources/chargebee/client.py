"""Reaching Chargebee: credentials, limits, and the reading of its errors.

Belongs here: the one HTTP client of a site. Does not: which streams there are (`streams.py`) or how
they are read (`pull.py`).
"""

from __future__ import annotations

from base64 import b64encode

import msgspec

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.errors import VendorError, Verdict
from revops_pipelines.engine.ingest.http import HttpClient, Response
from revops_pipelines.engine.ingest.limits import Limit, Limiter
from revops_pipelines.resources.sources.chargebee.options import ChargebeeOptions

_MISSING_KEY = "Chargebee needs an API key: set CHARGEBEE_API_KEY to a read-only key of the site"
_MISSING_SITE = "Chargebee needs the name of the site: set `site` in [sources.chargebee]"
# What of the minute's calls may be made at once.
_BURST_SHARE = 0.2


class _Error(msgspec.Struct):
    message: str = ""
    type: str = ""
    api_error_code: str = ""


def connect(connection: Connection) -> HttpClient:
    """The site's client. Raises ValueError without a key or a site."""
    options: ChargebeeOptions = connection.options
    key = connection.secrets.get("api_key", "")
    if not key:
        raise ValueError(_MISSING_KEY)
    if not options.origin:
        raise ValueError(_MISSING_SITE)
    # The key is the user; there is no password.
    encoded = b64encode(f"{key}:".encode()).decode("ascii")
    headers = {"Authorization": f"Basic {encoded}"}
    rate = options.requests_per_minute
    return HttpClient(
        options.origin,
        auth=lambda: headers,
        limiter=Limiter(Limit(rate, 60.0, burst=max(1.0, rate * _BURST_SHARE))),
        read_error=read_error,
        secrets=(key, encoded),
        allow_private=options.allow_private_address,
        now=connection.now,
    )


def read_error(response: Response) -> VendorError | None:
    """The error in an answer, by its `api_error_code` and status; None for data.

    `{"message": "...", "type": "operation_failed", "api_error_code":
    "api_request_limit_exceeded", "http_status_code": 429}` asks to wait;
    `configuration_incompatible` means the other product catalog and is fatal. An answer that has
    an `api_error_code` is no list, whatever its status.
    Source: https://apidocs.chargebee.com/docs/api/error-handling
    """
    if response.status < 400 and b'"api_error_code"' not in response.body[:400]:
        return None
    error = _error_in(response.body)
    if error is None or (response.status < 400 and not error.api_error_code):
        return None
    verdict = _VERDICTS.get(error.api_error_code) or _verdict_of(response.status)
    return VendorError(verdict, error.message or error.type, error.api_error_code)


_VERDICTS = {
    "api_request_limit_exceeded": Verdict.THROTTLED,
    "lock_timeout": Verdict.RETRY,
    "internal_error": Verdict.RETRY,
    "internal_temporary_error": Verdict.RETRY,
    "request_blocked": Verdict.PERMISSION,
    "api_authentication_failed": Verdict.REFRESH,
    "api_authorization_failed": Verdict.PERMISSION,
    "configuration_incompatible": Verdict.FATAL,
}


def _verdict_of(status: int) -> Verdict:
    if status == 401:
        return Verdict.REFRESH
    if status == 403:
        return Verdict.PERMISSION
    if status == 429:
        return Verdict.THROTTLED
    return Verdict.RETRY if status >= 500 or status == 409 else Verdict.FATAL


def _error_in(body: bytes) -> _Error | None:
    try:
        return msgspec.json.decode(body, type=_Error)
    except msgspec.DecodeError:
        return None
