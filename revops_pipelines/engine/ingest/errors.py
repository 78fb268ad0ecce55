"""Errors of pulling, grouped by what to do about them.

Belongs here: the tree below and the vendor's verdict on an answer. Does not: how an answer is read
(each source's `client.py`) or when a request is tried again (`http.py`).

IngestError
|-- TransientError              the same request may succeed later; the client has tried again
|   |-- NetworkError            no usable answer: refused, reset, timed out, cut short
|   |-- ServerError             408, 425, 5xx, a page that is no data (HTML, truncated JSON)
|   `-- ThrottledError          429 or the vendor's own word for it
|-- QuotaExhaustedError         nothing more today: stop, resume from the cursor in the next run
|-- CredentialsRefusedError     a person must mend the key; the source stops after one refresh
|-- PermissionMissingError      a person must grant a scope; only streams that need it fail
|-- CursorExpiredError          the vendor forgot the cursor: restart from the watermark
|-- RequestRefusedError         any other 4xx: ours or the settings' fault, never tried again
`-- ProtocolError               the server breaks the rules that correct data depends on
    |-- AddressRefusedError     a redirect, another origin, a private or metadata address
    |-- BodyTooLargeError       more bytes than the cap
    |-- CursorLoopError         a page already seen, or nothing but empty pages
    `-- VolumeAlarmError        far fewer records than before: nothing is deleted on that
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class IngestError(Exception):
    """Something that ends a stream's pull; its text is one line and holds no secret."""


class TransientError(IngestError):
    """The same request may succeed later."""

    def __init__(self, message: str, wait_seconds: float | None = None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


class NetworkError(TransientError):
    """No usable answer came: connection refused or reset, timed out, body cut short."""


class ServerError(TransientError):
    """The server could not answer: 408, 425, 5xx, or a body that is not the data asked for."""


class ThrottledError(TransientError):
    """Too many requests; `wait_seconds` is what the server asked for, if it said."""


class QuotaExhaustedError(IngestError):
    """The account's allowance for the day is used up."""


class CredentialsRefusedError(IngestError):
    """The credentials are not accepted, also after one refresh."""


class PermissionMissingError(IngestError):
    """The credentials are good but may not read this; `code` is the vendor's own, if it has one."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class CursorExpiredError(IngestError):
    """The vendor no longer knows the cursor; restart from the watermark."""


class RequestRefusedError(IngestError):
    """The vendor refuses the request as it is (4xx)."""

    def __init__(self, message: str, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ProtocolError(IngestError):
    """The server breaks a rule that correct data depends on."""


class AddressRefusedError(ProtocolError):
    """A redirect, another origin, plain HTTP, or a private or metadata address."""


class BodyTooLargeError(ProtocolError):
    """A body above the cap on bytes or nesting."""


class CursorLoopError(ProtocolError):
    """A cursor that was already followed, or too many empty pages in a row."""


class VolumeAlarmError(ProtocolError):
    """Far fewer records than are known: taken for a fault, not for deletes."""


class Verdict(Enum):
    """What a vendor's error body asks for."""

    RETRY = "retry"
    THROTTLED = "throttled"
    REFRESH = "refresh"
    QUOTA = "quota"
    PERMISSION = "permission"
    CURSOR_EXPIRED = "cursor expired"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class VendorError:
    """An error that a source's `read_error` found in an answer, whatever its HTTP status.

    `message` is the vendor's own short text, `code` its code, `wait_seconds` the pause it asks for
    beyond a Retry-After header.
    """

    verdict: Verdict
    message: str
    code: str = ""
    wait_seconds: float | None = None
