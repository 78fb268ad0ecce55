"""Requests to one vendor: limits, credentials, retries, and answers read whole or not at all.

Belongs here: what holds for every vendor. Does not: how a vendor words its errors (each source's
`client.py` gives `read_error`), what an answer means (`answers.py`), nor the exchange itself
(`transport.py`).

A source builds one `HttpClient` in its `connect` and shares it among its streams and threads.
"""

from __future__ import annotations

import random as _random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict, TypeVar, Unpack
from urllib.parse import urlsplit

import requests

from revops_pipelines.engine.ingest import stopping
from revops_pipelines.engine.ingest.address import check_base, origin_of
from revops_pipelines.engine.ingest.answers import error_of, server_date
from revops_pipelines.engine.ingest.envelope import OnReject, decode
from revops_pipelines.engine.ingest.errors import (
    AddressRefusedError,
    CredentialsRefusedError,
    IngestError,
    QuotaExhaustedError,
    ThrottledError,
    TransientError,
    VendorError,
)
from revops_pipelines.engine.ingest.limits import Limiter
from revops_pipelines.engine.ingest.metering import Allowance, current_meter
from revops_pipelines.engine.ingest.redaction import Redactor
from revops_pipelines.engine.ingest.retries import Retries, RetryBudget
from revops_pipelines.engine.ingest.transport import Caps, Response, Transport

__all__ = ["Allowance", "Caps", "HttpClient", "Limiter", "Options", "Response", "Retries"]

Page = TypeVar("Page")
Outcome = TypeVar("Outcome")


class Options(TypedDict, total=False):
    """What a request may say beside method and path.

    `endpoint`: name of its own limit. `authenticated` False: no credentials are sent and none are
    renewed. `total_seconds`, `body_bytes`: other caps than the client's. `accept_html`: the body
    may be a page.
    """

    params: Mapping[str, Any] | Sequence[tuple[str, Any]] | None
    json: Any
    data: Any
    headers: Mapping[str, str] | None
    endpoint: str
    authenticated: bool
    total_seconds: float
    body_bytes: int
    accept_html: bool


class HttpClient:
    """Speaks to one origin for one account; safe across threads.

    `auth` gives the headers that carry the credentials; `refresh` renews them (None: they cannot
    be renewed). `read_error` is the vendor's pure function from an answer to the error that it
    tells of, or None; it sees every answer, also those with status 200. `read_allowance` reads from
    an answer's headers how many calls the account has left today, or None. `secrets` are values
    that must never show; what `auth` returns is added by itself.

    Calls are counted on the meter of the pull that connects it (`meter`).
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth: Callable[[], Mapping[str, str]] | None = None,
        refresh: Callable[[], None] | None = None,
        limiter: Limiter | None = None,
        read_error: Callable[[Response], VendorError | None] | None = None,
        read_allowance: Callable[[Response], Allowance | None] | None = None,
        user_agent: str = "revops-pipelines",
        secrets: Sequence[str] = (),
        retries: Retries | None = None,
        caps: Caps | None = None,
        allow_private: bool = False,
        sleep: Callable[[float], None] = stopping.sleep,
        random: Callable[[], float] = _random.random,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self.caps = caps or Caps()
        self.retries = retries or Retries()
        self.redactor = Redactor(secrets)
        self.limiter = limiter or Limiter()
        self._base = base_url.rstrip("/")
        self._origin = origin_of(base_url)
        check_base(self._origin, allow_private=allow_private)
        self._transport = Transport(self._origin, self.caps, allow_private=allow_private)
        self._auth, self._refresh = auth, refresh
        self._read_error = read_error
        self._read_allowance = read_allowance
        self.meter = current_meter()
        self._budget = RetryBudget(self.retries)
        self._sleep, self._random, self._now = sleep, random, now
        self._fixed = {"User-Agent": user_agent, "Accept-Encoding": "gzip"}
        self._lock = threading.Lock()
        self._generation = 0
        self._refused: str | None = None
        self._dated: tuple[Response, float] | None = None
        self._shown: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"HttpClient({self._origin})"

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def server_now(self) -> datetime | None:
        """The server's clock: its last Date header, moved on by ours. None before any answer."""
        if self._dated is None:
            return None
        response, read = self._dated
        at = server_date(response)
        if at is None:
            return None
        return datetime.fromtimestamp(at.timestamp() + time.monotonic() - read, tz=UTC)

    def get(self, path: str, **options: Unpack[Options]) -> Response:
        """`request` with GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Unpack[Options]) -> Response:
        """`request` with POST."""
        return self.request("POST", path, **options)

    def request(self, method: str, path: str, **options: Unpack[Options]) -> Response:
        """A successful answer, after as many tries as are allowed. Raises those of `errors.py`.

        `path` begins with a slash and is appended to the base URL, or is a whole URL of the same
        origin (a `next` link, already with its query).
        """
        return self._persist(method, path, options, lambda response: response)

    def read(
        self,
        kind: type[Page],
        path: str,
        *,
        method: str = "GET",
        on_reject: OnReject | None = None,
        **options: Unpack[Options],
    ) -> Page:
        """An answer's JSON as `kind`: a msgspec Struct with `list[msgspec.Raw]` for records.

        A page that does not parse whole is asked for again, like a network error. With
        `on_reject` (`pull.reject`), records that are no proper JSON by themselves (NaN, nested too
        deep, lone surrogates) are handed to it and left out, so that the page survives.
        """

        def parse(response: Response) -> Page:
            return decode(response.body, kind, self.caps.depth, on_reject)

        return self._persist(method, path, options, parse)

    def _persist(
        self, method: str, path: str, options: Options, accept: Callable[[Response], Outcome]
    ) -> Outcome:
        """Try until accepted, refused, or out of tries."""
        url = self._url(path)
        place = f"{method} {urlsplit(url).path}"
        renewed = False
        tried = 0
        self._budget.earn()
        while True:
            generation = self._generation
            outcome = self._try(method, url, options, accept)
            if not isinstance(outcome, IngestError):
                return outcome
            if isinstance(outcome, CredentialsRefusedError) and options.get("authenticated", True):
                if renewed or not self._renew(generation):
                    raise self._refuse(place, outcome)
                renewed = True
                continue
            tried += 1
            self._give_up_or_wait(outcome, place, tried, options)

    def _try(
        self, method: str, url: str, options: Options, accept: Callable[[Response], Outcome]
    ) -> Outcome | IngestError:
        """One exchange; an error comes back as a value, so that no traceback chains up."""
        try:
            response = self._exchange(method, url, options)
            error = self._judge(response, accept_html=options.get("accept_html", False))
            return accept(response) if error is None else error
        except IngestError as error:
            return error.with_traceback(None)

    def _exchange(self, method: str, url: str, options: Options) -> Response:
        headers = dict(self._fixed)
        if options.get("authenticated", True):
            if self._refused is not None:
                raise CredentialsRefusedError(self._refused)
            headers.update(self._credentials())
        headers.update(options.get("headers") or {})
        request = requests.PreparedRequest()
        request.prepare(
            method=method,
            url=url,
            headers=headers,
            params=options.get("params"),
            json=options.get("json"),
            data=options.get("data"),
        )
        # The library may read a URL otherwise than we did; what it will connect to is what counts.
        if origin_of(request.url or "") != self._origin:
            raise AddressRefusedError(f"the URL leads away from {self._origin}")
        self.meter.spend()
        with self.limiter.turn(options.get("endpoint", "default")):
            return self._transport.send(
                request,
                seconds=options.get("total_seconds", self.caps.total_seconds),
                body_bytes=options.get("body_bytes", self.caps.body_bytes),
            )

    def _judge(self, response: Response, *, accept_html: bool) -> IngestError | None:
        if "date" in response.headers:
            # Without the body: only its headers are read later.
            self._dated = (Response(0, response.headers, b""), time.monotonic())
        if self._read_allowance is not None and (left := self._read_allowance(response)):
            self.meter.told(left)
        vendor = self._read_error(response) if self._read_error else None
        now = self._now() if self._now else None
        return error_of(response, vendor, now, accept_html=accept_html)

    def _give_up_or_wait(
        self, error: IngestError, place: str, tried: int, options: Options
    ) -> None:
        """Sleep before the next try, or raise the error with its place and without secrets."""
        error.args = (self.redactor.text(f"{place}: {error}"),)
        if isinstance(error, QuotaExhaustedError):
            self.limiter.stop(str(error))
        if not isinstance(error, TransientError):
            raise error
        if not self._may_retry(error, tried):
            error.args = (f"{error} (gave up after {tried} tries)",)
            raise error
        seconds = self.retries.pause(tried - 1, error.wait_seconds, self._random)
        if isinstance(error, ThrottledError):
            self.limiter.pause(seconds, options.get("endpoint"))
        self._sleep(seconds)

    def _may_retry(self, error: TransientError, tried: int) -> bool:
        if isinstance(error, ThrottledError):
            # A pause that the server asked for is no storm: it costs nothing of the budget.
            free = error.wait_seconds is not None
            return tried < self.retries.throttled_tries and (free or self._budget.spend())
        return tried < self.retries.tries and self._budget.spend()

    def _credentials(self) -> Mapping[str, str]:
        if self._auth is None:
            return {}
        headers = self._auth()
        if headers == self._shown:
            return headers
        self._shown = dict(headers)
        for value in headers.values():
            # "Bearer abc": the token is the secret, the scheme is not.
            self.redactor.add(value, value.rsplit(" ", 1)[-1])
        return headers

    def _renew(self, generation: int) -> bool:
        """Renew the credentials once for all threads that saw the same ones refused."""
        with self._lock:
            if self._refused is not None or self._refresh is None:
                return False
            if self._generation == generation:
                try:
                    self._refresh()
                except CredentialsRefusedError as error:
                    self._refused = self.redactor.text(str(error))
                    raise
                self._generation += 1
            return True

    def _refuse(self, place: str, error: IngestError) -> IngestError:
        """The credentials are no good: no thread asks again."""
        if self._refused is None:
            self._refused = self.redactor.text(f"{place}: {error}")
        return CredentialsRefusedError(self._refused)

    def _url(self, path: str) -> str:
        if "://" not in path.split("?", 1)[0]:
            # The slash keeps "@other.host" or ":80" in the path and out of the authority.
            return f"{self._base}/{path.lstrip('/')}"
        if origin_of(path) != self._origin:
            raise AddressRefusedError(f"a link leads away from {self._origin}; it is not followed")
        return path
