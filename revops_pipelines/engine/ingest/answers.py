"""What an answer means: data, or which error.

Belongs here: the pure reading of status, headers and the vendor's verdict. Does not: acting on it
(`http.py`).
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

from revops_pipelines.engine.ingest.errors import (
    AddressRefusedError,
    CredentialsRefusedError,
    CursorExpiredError,
    IngestError,
    PermissionMissingError,
    QuotaExhaustedError,
    RequestRefusedError,
    ServerError,
    ThrottledError,
    VendorError,
    Verdict,
)
from revops_pipelines.engine.ingest.retries import retry_after
from revops_pipelines.engine.ingest.transport import Response

# A vendor's message is quoted up to here; bodies never.
_QUOTED_CHARACTERS = 300

_SIMPLE: dict[Verdict, type[IngestError]] = {
    Verdict.REFRESH: CredentialsRefusedError,
    Verdict.QUOTA: QuotaExhaustedError,
    Verdict.CURSOR_EXPIRED: CursorExpiredError,
}


_BY_STATUS: dict[int, type[IngestError]] = {
    401: CredentialsRefusedError,
    403: PermissionMissingError,
    410: CursorExpiredError,
}


def server_date(response: Response) -> datetime | None:
    """The Date header, if there is one that can be read."""
    value = response.headers.get("date")
    if not value:
        return None
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def error_of(
    response: Response, vendor: VendorError | None, now: datetime | None, *, accept_html: bool
) -> IngestError | None:
    """The error that an answer stands for; None for data.

    The vendor's verdict goes before the status, because some put errors inside 200.
    """
    status = response.status
    is_success = 200 <= status < 300
    if vendor is None and is_success and (accept_html or not response.is_html):
        return None
    wait = retry_after(response.headers.get("retry-after"), server_date(response) or now)
    if vendor is not None:
        return _vendor_error(status, vendor, wait)
    if is_success:
        return ServerError(f"HTTP {status} with an HTML page instead of data", wait)
    return _status_error(status, wait)


def _vendor_error(status: int, vendor: VendorError, wait: float | None) -> IngestError:
    said = " ".join(vendor.message.split())[:_QUOTED_CHARACTERS]
    code = f" {vendor.code}" if vendor.code else ""
    text = f"HTTP {status}{code}: {said}"
    if wait is None:
        wait = vendor.wait_seconds
    if vendor.verdict is Verdict.RETRY:
        return ServerError(text, wait)
    if vendor.verdict is Verdict.THROTTLED:
        return ThrottledError(text, wait)
    if vendor.verdict is Verdict.FATAL:
        return RequestRefusedError(text, status, vendor.code)
    if vendor.verdict is Verdict.PERMISSION:
        return PermissionMissingError(text, vendor.code)
    return _SIMPLE[vendor.verdict](text)


def _status_error(status: int, wait: float | None) -> IngestError:
    text = f"HTTP {status}"
    if status == 429:
        return ThrottledError(text, wait)
    if status in (408, 425) or status >= 500:
        return ServerError(text, wait)
    if 300 <= status < 400:
        return AddressRefusedError(f"{text}: redirects are not followed; correct the base URL")
    kind = _BY_STATUS.get(status)
    return RequestRefusedError(text, status) if kind is None else kind(text)
