"""Speaking to Salesforce: where things are, how errors are worded, what is left of the day's calls.

Belongs here: the connection, limits, the reading of errors. Does not: logging in (`login.py`), what
objects there are (`schema.py`), how records are read (`reading.py`, `bulk.py`).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.envelope import OnReject
from revops_pipelines.engine.ingest.errors import VendorError, Verdict
from revops_pipelines.engine.ingest.http import Allowance, HttpClient, Response, Retries
from revops_pipelines.engine.ingest.limits import Limiter
from revops_pipelines.resources.sources.salesforce.login import (
    TOKEN_PATH,
    Session,
    Sessions,
    is_private_key,
    token_request,
    trusted_instance,
)
from revops_pipelines.resources.sources.salesforce.options import SalesforceOptions

Answer = TypeVar("Answer")

# https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
_VERDICTS = {
    "INVALID_SESSION_ID": Verdict.REFRESH,
    "INVALID_AUTH_HEADER": Verdict.REFRESH,
    "API_DISABLED_FOR_ORG": Verdict.PERMISSION,
    "API_CURRENTLY_DISABLED": Verdict.PERMISSION,
    "INSUFFICIENT_ACCESS": Verdict.PERMISSION,
    "INSUFFICIENT_ACCESS_OR_READONLY": Verdict.PERMISSION,
    "FUNCTIONALITY_NOT_ENABLED": Verdict.PERMISSION,
    "FORBIDDEN": Verdict.PERMISSION,
    "REQUEST_LIMIT_EXCEEDED": Verdict.QUOTA,
    "EXCEEDED_QUOTA": Verdict.QUOTA,
    "INVALID_QUERY_LOCATOR": Verdict.CURSOR_EXPIRED,
    "UNSUPPORTED_API_VERSION": Verdict.FATAL,
    "SERVER_UNAVAILABLE": Verdict.RETRY,
    "UNABLE_TO_LOCK_ROW": Verdict.RETRY,
    "UNKNOWN_EXCEPTION": Verdict.RETRY,
}
# The login's own words; any other of them means that a person must mend the credentials.
_LOGIN_TRIES_AGAIN = ("temporarily_unavailable", "server_error", "unknown_error")
# 410 means a retired version of the API here, and no lost cursor.
_STATUSES = {401: Verdict.REFRESH, 403: Verdict.PERMISSION, 410: Verdict.FATAL}
_USAGE = re.compile(r"(?:^|[;\s])api-usage=(\d+)/(\d+)")


class _Error(msgspec.Struct, rename={"message": "message", "code": "errorCode"}):
    message: str = ""
    code: str = ""


class _LoginError(msgspec.Struct):
    error: str
    error_description: str = ""


class _Token(msgspec.Struct):
    access_token: str
    instance_url: str


@dataclass(slots=True)
class Salesforce:
    """A connected org; shared by its streams, safe across threads."""

    name: str
    options: SalesforceOptions
    sessions: Sessions
    login: HttpClient
    limiter: Limiter = field(repr=False)
    _connection: Connection | None = field(default=None, repr=False)
    _http: HttpClient | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    # What `schema.py` learned of objects, by their names.
    described: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def http(self) -> HttpClient:
        """The client of the org's own address, which the login tells. Raises IngestError."""
        session = self.sessions.current()
        with self._lock:
            if self._http is None:
                self._http = self._org_client(session)
            return self._http

    def path(self, rest: str) -> str:
        """A path below this version of the API.

        `path("limits")` is `/services/data/v68.0/limits`.
        """
        return f"/services/data/v{self.options.api_version}/{rest}"

    def get(
        self,
        answer: type[Answer],
        path: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        on_reject: OnReject | None = None,
    ) -> Answer:
        """A GET's answer as `answer`; `on_reject` takes records that are no proper JSON."""
        return self.http.read(answer, path, params=params, headers=headers, on_reject=on_reject)

    def close(self) -> None:
        """Close all connections."""
        self.login.close()
        if self._http is not None:
            self._http.close()

    def _org_client(self, session: Session) -> HttpClient:
        options = self.options
        connection = self._connection
        client = HttpClient(
            session.instance_url,
            auth=self.sessions.headers,
            refresh=self.sessions.renew,
            limiter=self.limiter,
            read_error=read_error,
            read_allowance=allowance_in,
            secrets=tuple(connection.secrets.values()) if connection else (),
            retries=Retries(tries=options.tries),
            allow_private=options.allow_private_address,
            now=connection.now if connection else None,
        )
        # Made on some stream's thread: the meter of the run is the login's.
        client.meter = self.login.meter
        return client


def connect(connection: Connection) -> Salesforce:
    """A client for a connected app's credentials. Asks nobody yet.

    Raises ValueError where the settings lack what the login needs.
    """
    options: SalesforceOptions = connection.options
    secrets = connection.secrets
    if not options.base_url:
        raise ValueError(
            f"base_url in [sources.{connection.name}] is missing; see Setup > My Domain"
        )
    if is_private_key(secrets["client_secret"]) and not options.username:
        raise ValueError(
            f"username in [sources.{connection.name}] is missing; a private key needs it"
        )
    login = HttpClient(
        options.base_url,
        read_error=read_login_error,
        secrets=tuple(secrets.values()),
        retries=Retries(tries=options.tries),
        allow_private=options.allow_private_address,
        now=connection.now,
    )

    def ask() -> Session:
        form = token_request(
            secrets["client_id"],
            secrets["client_secret"],
            options.username,
            options.audience,
            connection.now(),
        )
        login.redactor.add(form.get("assertion", ""))
        told = login.read(_Token, TOKEN_PATH, method="POST", data=form, authenticated=False)
        login.redactor.add(told.access_token)
        return Session(told.access_token, trusted_instance(told.instance_url, options.base_url))

    limiter = Limiter(concurrent=options.concurrent_requests)
    return Salesforce(
        connection.name, options, Sessions(ask), login, limiter, _connection=connection
    )


def allowance_in(response: Response) -> Allowance | None:
    """Calls left of the last 24 hours' as an answer's header tells them.

    >>> said = {"sforce-limit-info": "api-usage=18/5000; per-app-api-usage=1/250(appName=x)"}
    >>> allowance_in(Response(200, said, b""))
    Allowance(left=4982, limit=5000)
    """
    found = _USAGE.search(response.headers.get("sforce-limit-info", ""))
    if found is None:
        return None
    used, limit = int(found.group(1)), int(found.group(2))
    return Allowance(max(0, limit - used), limit)


def read_login_error(response: Response) -> VendorError | None:
    """The error in an answer of the login: whatever it refuses, a person must mend.

    A login without a permission, or at an address that knows none, is refused; it says nothing of
    the objects that it was asked for.

    >>> read_login_error(Response(403, {}, b"{}")).verdict
    <Verdict.REFRESH: 'refresh'>
    """
    error = read_error(response)
    if error is None:
        is_refusal = 400 <= response.status < 500 and response.status not in (408, 425, 429)
        return VendorError(Verdict.REFRESH, "the login was refused") if is_refusal else None
    if error.verdict in (Verdict.PERMISSION, Verdict.FATAL, Verdict.CURSOR_EXPIRED):
        return replace(error, verdict=Verdict.REFRESH)
    return error


def read_error(response: Response) -> VendorError | None:
    """The error that an answer tells of, also inside a 200; None for data.

    >>> body = b'[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]'
    >>> read_error(Response(403, {}, body)).verdict
    <Verdict.QUOTA: 'quota'>
    """
    if 200 <= response.status < 300 and b'"errorCode"' not in response.body[:400]:
        return None
    start = response.body[:64].lstrip()[:1]
    if start == b"[":
        return _api_error(response)
    if start == b"{" and response.status >= 400:
        return _login_error(response)
    return None


def _api_error(response: Response) -> VendorError | None:
    """An error of the API: a list, of which the first counts."""
    try:
        errors = msgspec.json.decode(response.body, type=list[_Error])
    except (msgspec.DecodeError, RecursionError):
        return None
    if not errors or not errors[0].code:
        return None
    code, message = errors[0].code, errors[0].message or "no message"
    verdict = _VERDICTS.get(code) or _STATUSES.get(response.status)
    if verdict is None:
        again = response.status in (408, 425) or response.status >= 500
        verdict = Verdict.RETRY if again else Verdict.FATAL
    if verdict is Verdict.QUOTA and _has_calls_left(response):
        # The same word stands for too many requests at once.
        verdict = Verdict.THROTTLED
    return VendorError(verdict, message, code)


def _has_calls_left(response: Response) -> bool:
    allowance = allowance_in(response)
    return allowance is not None and allowance.left > 0


def _login_error(response: Response) -> VendorError | None:
    """An error of the login: an object, as OAuth has it."""
    try:
        said = msgspec.json.decode(response.body, type=_LoginError)
    except (msgspec.DecodeError, RecursionError):
        return None
    again = said.error in _LOGIN_TRIES_AGAIN or response.status >= 500
    verdict = Verdict.RETRY if again else Verdict.REFRESH
    return VendorError(verdict, said.error_description or "the login was refused", said.error)
