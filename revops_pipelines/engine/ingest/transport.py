"""One HTTP exchange on `requests`, with a deadline that nothing can stretch.

Belongs here: sessions per thread, the total deadline (headers and body, also against a server that
drips), caps on the body, and the check of the address that was really connected to. Does not:
retries, limits, credentials (`http.py`).
"""

from __future__ import annotations

import http.client
import io
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from revops_pipelines.engine.ingest.address import Origin, check_peer
from revops_pipelines.engine.ingest.errors import (
    AddressRefusedError,
    BodyTooLargeError,
    NetworkError,
)

_PIECE_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Caps:
    """What one exchange may take: seconds to connect, between bytes and in all; bytes; nesting."""

    connect_seconds: float = 10.0
    read_seconds: float = 20.0
    total_seconds: float = 30.0
    body_bytes: int = 64 * 1024 * 1024
    depth: int = 100


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer: status, headers (names in any case) and the decompressed body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_html(self) -> bool:
        """Whether the body is a page for people: a proxy's or a login's, never data."""
        kind = self.headers.get("content-type", "").lower()
        return "html" in kind or self.body[:64].lstrip()[:1] == b"<"


class _Guard:
    """What one thread's connections obey: where they may lead, until when they may take."""

    def __init__(self, origin: Origin, allow_private: bool, caps: Caps) -> None:
        self.origin = origin
        self.allow_private = allow_private
        self.read_seconds = caps.read_seconds
        self.until = 0.0

    def left(self) -> float:
        return self.until - time.monotonic()


class _Reader(io.RawIOBase):
    """A socket's bytes; every wait is cut to what is left of the deadline.

    A plain read timeout starts anew with each byte, so a server that drips would hold us for ever.
    """

    def __init__(self, raw: Any, sock: Any, guard: _Guard) -> None:
        super().__init__()
        self._raw, self._sock, self._guard = raw, sock, guard

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self._guard.left()
        if left <= 0:
            raise TimeoutError("total deadline")
        self._sock.settimeout(min(left, self._guard.read_seconds))
        return int(self._raw.readinto(buffer))

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


def _pools(guard: _Guard) -> dict[str, type[HTTPConnectionPool]]:
    """Connection pools whose connections obey the guard."""

    class Answer(http.client.HTTPResponse):
        def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            # detach() keeps the socket's own count of readers, which decides when it closes.
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_Reader(raw, sock, guard), 65536)

    class Checked:
        def _new_conn(self) -> Any:
            sock = super()._new_conn()  # type: ignore[misc]
            try:
                peer = str(sock.getpeername()[0])
                check_peer(guard.origin, peer, allow_private=guard.allow_private)
            except (AddressRefusedError, OSError):
                sock.close()
                raise
            return sock

    class Plain(Checked, HTTPConnection):
        response_class = Answer

    class Secure(Checked, HTTPSConnection):
        response_class = Answer

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Adapter(HTTPAdapter):
    def __init__(self, guard: _Guard) -> None:
        self._guard = guard
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._guard)


class Transport:
    """Sends requests to one origin; each thread has its own session."""

    def __init__(self, origin: Origin, caps: Caps, *, allow_private: bool = False) -> None:
        self._origin = origin
        self._caps = caps
        self._allow_private = allow_private
        self._own = threading.local()
        self._sessions: list[requests.Session] = []
        self._lock = threading.Lock()

    def send(
        self, request: requests.PreparedRequest, *, seconds: float, body_bytes: int
    ) -> Response:
        """One exchange, whole. Raises NetworkError, BodyTooLargeError, AddressRefusedError."""
        session, guard = self._session()
        guard.until = time.monotonic() + seconds
        # The library's own errors may quote the URL or the peer; ours are raised outside of the
        # handler, so that no trace of them is chained.
        outcome: Response | None = None
        try:
            outcome = self._exchange(session, request, body_bytes, seconds)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            reason = "total deadline passed" if guard.left() <= 0 else _reason(error)
        except http.client.HTTPException:
            reason = "not an HTTP answer"
        if outcome is None:
            raise NetworkError(reason)
        return outcome

    def close(self) -> None:
        """Close every thread's connections."""
        with self._lock:
            for session in self._sessions:
                session.close()
            self._sessions.clear()

    def _session(self) -> tuple[requests.Session, _Guard]:
        known: tuple[requests.Session, _Guard] | None = getattr(self._own, "session", None)
        if known is not None:
            return known
        guard = _Guard(self._origin, self._allow_private, self._caps)
        session = requests.Session()
        # No proxies or .netrc out of the environment, no cookies: only what was configured.
        session.trust_env = False
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.mount("http://", _Adapter(guard))
        session.mount("https://", _Adapter(guard))
        self._own.session = (session, guard)
        with self._lock:
            self._sessions.append(session)
        return session, guard

    def _exchange(
        self,
        session: requests.Session,
        request: requests.PreparedRequest,
        body_bytes: int,
        seconds: float,
    ) -> Response:
        waits = (min(self._caps.connect_seconds, seconds), min(self._caps.read_seconds, seconds))
        # Not session.send(): it reads the whole body of a redirect, uncapped, although told not to
        # follow it (it prepares `Response.next`).
        answer = session.get_adapter(str(request.url)).send(request, stream=True, timeout=waits)
        whole = False
        try:
            body = _body(answer, body_bytes)
            whole = True
        finally:
            if whole:
                # Response.close() would close the connection as well; it shall be used again.
                answer.raw.release_conn()
            else:
                # Bytes may still be under way: this connection must not be used again.
                answer.raw.close()
        return Response(answer.status_code, CaseInsensitiveDict(answer.headers), body)


def _body(answer: requests.Response, cap: int) -> bytes:
    """The whole body, decompressed, never more than the cap; verified against Content-Length.

    Pages are megabytes and many streams have one in hand, so there is never a second copy: what
    comes is unpacked by pieces into one buffer, which becomes the body.
    """
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    unpacker = zlib.decompressobj(wbits=31) if encoding in ("gzip", "x-gzip") else None
    is_plain = encoding in ("", "identity")
    body = io.BytesIO()
    size = 0
    is_damaged = False
    while piece := answer.raw.read(_PIECE_BYTES, decode_content=False):
        size += len(piece)
        if size > cap:
            raise BodyTooLargeError(f"the answer is larger than the cap of {cap} bytes")
        if unpacker is None and not is_plain:
            raise NetworkError(f"unasked content encoding {encoding[:20]!r}")
        if unpacker is not None:
            try:
                piece = unpacker.decompress(piece, cap + 1 - body.tell())
            except zlib.error:
                is_damaged = True
                break
        body.write(piece)
        if body.tell() > cap:
            raise BodyTooLargeError(f"the answer unpacks to more than the cap of {cap} bytes")
    if is_damaged or (unpacker is not None and size and not unpacker.eof):
        raise NetworkError("compressed body cut short or damaged")
    promised = answer.headers.get("content-length")
    if promised is not None and promised.isdigit() and int(promised) != size:
        raise NetworkError(f"body cut short: {size} of {promised} bytes")
    return body.getvalue()


_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (requests.exceptions.SSLError, "the certificate was not accepted"),
    (requests.exceptions.ConnectTimeout, "no connection in time"),
    (requests.exceptions.ReadTimeout, "no answer in time"),
    (TimeoutError, "no answer in time"),
    (urllib3.exceptions.ReadTimeoutError, "no answer in time"),
    (urllib3.exceptions.IncompleteRead, "body cut short"),
    (urllib3.exceptions.ProtocolError, "connection lost while reading"),
    (requests.exceptions.ConnectionError, "no connection, or lost before an answer"),
)


def _reason(error: BaseException) -> str:
    """A short text for a library's error, without quoting it."""
    for kind, text in _REASONS:
        if isinstance(error, kind):
            return text
    return type(error).__name__
