"""Speaking to Marketo: tokens, errors inside 200, the activity log, what the subscription has.

Belongs here: limits, credentials, the reading of errors, paging. Does not: which streams there are
(`streams.py`), how they are pulled (`pull.py`) or bulk extracts (`bulk.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.envelope import OnReject
from revops_pipelines.engine.ingest.errors import ProtocolError, VendorError, Verdict
from revops_pipelines.engine.ingest.http import HttpClient, Response, Retries
from revops_pipelines.engine.ingest.limits import Limit, Limiter
from revops_pipelines.engine.ingest.login import Tokens
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.resources.sources.marketo.options import MarketoOptions

Answer = TypeVar("Answer")

# https://experienceleague.adobe.com/en/docs/marketo-developer/marketo/rest/error-codes
_VERDICTS = {
    "600": Verdict.REFRESH,
    "601": Verdict.REFRESH,
    "602": Verdict.REFRESH,
    "603": Verdict.PERMISSION,
    "502": Verdict.RETRY,
    "604": Verdict.RETRY,
    "608": Verdict.RETRY,
    "611": Verdict.RETRY,
    "713": Verdict.RETRY,
    "606": Verdict.THROTTLED,
    "615": Verdict.THROTTLED,
    "607": Verdict.QUOTA,
    # Opportunities of a subscription that syncs with a CRM.
    "1018": Verdict.PERMISSION,
}
_RATE_REACHED = "606"


class _Error(msgspec.Struct):
    code: str | int = ""
    message: str = ""


class _Verdict(msgspec.Struct):
    """What of an answer says whether it is one."""

    success: bool = True
    errors: list[_Error] = msgspec.field(default_factory=list)


class Page(msgspec.Struct, rename="camel"):
    """The envelope of every list; `moreResult` is the log's word for another page."""

    result: list[msgspec.Raw] = msgspec.field(default_factory=list)
    next_page_token: str = ""
    more_result: bool = False


class LeadField(msgspec.Struct, rename="camel"):
    """A field of leads: its name in the API and Marketo's type of its values."""

    name: str
    data_type: str = "string"


class _Described(msgspec.Struct):
    fields: list[LeadField]


class _Description(msgspec.Struct):
    result: list[_Described]

    @property
    def fields(self) -> list[LeadField]:
        """The fields that are described. Raises ProtocolError."""
        if not self.result:
            raise ProtocolError("a description of fields is empty")
        return self.result[0].fields


class _Token(msgspec.Struct):
    access_token: str


@dataclass(slots=True)
class Marketo:
    """A connected subscription; shared by its streams, safe across threads."""

    http: HttpClient
    options: MarketoOptions
    exports: threading.BoundedSemaphore = field(repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _began: datetime | None = field(default=None, repr=False)
    _fields: tuple[LeadField, ...] | None = field(default=None, repr=False)
    _described: dict[str, tuple[LeadField, ...]] = field(default_factory=dict, repr=False)

    def get(
        self,
        answer: type[Answer],
        path: str,
        params: Mapping[str, Any] | None = None,
        on_reject: OnReject | None = None,
    ) -> Any:
        """A GET's answer as `answer`."""
        return self.http.read(answer, path, params=params, on_reject=on_reject)

    def lead_fields(self) -> tuple[LeadField, ...]:
        """All fields of leads, in order of name; asked for once in a connection's life."""
        with self._lock:
            if self._fields is None:
                described = self.get(_Description, "/rest/v1/leads/describe2.json")
                fields = {each.name: each for each in described.fields}
                fields.setdefault("id", LeadField("id", "integer"))
                self._fields = tuple(fields[name] for name in sorted(fields))
            return self._fields

    def member_fields(self) -> tuple[LeadField, ...]:
        """All fields of program members, in order of name."""
        return self.described("/rest/v1/programs/members")

    def described(self, path: str) -> tuple[LeadField, ...]:
        """All fields of a kind of record, in order of name; asked for once in a connection."""
        with self._lock:
            if path not in self._described:
                described = self.get(_Description, f"{path}/describe.json")
                fields = {each.name: each for each in described.fields}
                self._described[path] = tuple(fields[name] for name in sorted(fields))
            return self._described[path]

    def began(self, find: Callable[[], datetime]) -> datetime:
        """When the oldest record may have been made; found once in a connection's life."""
        with self._lock:
            if self._began is None:
                self._began = find()
            return self._began

    def activity_types(self) -> list[msgspec.Raw]:
        """All types of activity that the subscription has."""
        page: Page = self.get(Page, "/rest/v1/activities/types.json")
        return page.result

    def log(
        self,
        path: str,
        since: datetime,
        params: Mapping[str, Any],
        on_reject: OnReject | None = None,
    ) -> Iterator[list[msgspec.Raw]]:
        """Pages of the activity log from an instant on, to its end."""
        # Whole seconds: a fraction is refused in places.
        moment = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        start = self.get(
            Page, "/rest/v1/activities/pagingtoken.json", {"sinceDatetime": moment}
        ).next_page_token

        def fetch(token: str) -> Page:
            asked = {**params, "nextPageToken": token, "batchSize": self.options.page_records}
            page: Page = self.get(Page, path, asked, on_reject)
            return page

        for page in follow(
            fetch,
            lambda page: page.next_page_token if page.more_result else None,
            lambda page: len(page.result),
            start,
            empty_pages=self.options.empty_pages,
        ):
            yield page.result

    def activities(
        self, since: datetime, types: Sequence[int], on_reject: OnReject | None = None
    ) -> Iterator[list[msgspec.Raw]]:
        """Pages of activities of at most ten types."""
        asked = ",".join(str(kind) for kind in types)
        return self.log("/rest/v1/activities.json", since, {"activityTypeIds": asked}, on_reject)

    def programs(self, on_reject: OnReject | None = None) -> Iterator[list[msgspec.Raw]]:
        """Pages of programs; the one past the end has no result, and says so with a warning."""
        size = self.options.program_page_records

        def fetch(offset: int) -> list[msgspec.Raw]:
            asked = {"maxReturn": size, "offset": offset}
            page: Page = self.get(Page, "/rest/asset/v1/programs.json", asked, on_reject)
            return page.result

        offset = 0
        while found := fetch(offset):
            yield found
            if len(found) < size:
                return
            offset += len(found)

    def close(self) -> None:
        """Close all connections."""
        self.http.close()


def connect(connection: Connection) -> Marketo:
    """A client for an API-only user's custom service. Asks nobody yet."""
    options: MarketoOptions = connection.options
    if not options.base_url:
        raise ValueError("base_url in [sources.marketo] is missing; see Admin > Web Services")
    credentials = {
        "grant_type": "client_credentials",
        "client_id": connection.secrets["client_id"],
        "client_secret": connection.secrets["client_secret"],
    }
    steady = max(1.0, options.requests_per_20_seconds - options.burst_requests)
    tokens = Tokens(lambda: _asked(http, credentials, options))
    http = HttpClient(
        options.base_url,
        auth=tokens.headers,
        refresh=tokens.renew,
        limiter=Limiter(
            Limit(steady, 20.0, burst=options.burst_requests),
            concurrent=options.concurrent_requests,
        ),
        read_error=lambda response: read_error(response, options.rate_reached_seconds),
        secrets=(credentials["client_id"], credentials["client_secret"]),
        retries=Retries(tries=options.tries),
        allow_private=options.allow_private_address,
        now=connection.now,
    )
    return Marketo(http, options, threading.BoundedSemaphore(options.exports_at_once))


def _asked(http: HttpClient, credentials: Mapping[str, str], options: MarketoOptions) -> str:
    """A token. In a form, so that the secret stays out of addresses."""
    path = "/identity/oauth/token"
    if options.credentials_in_url:
        return http.read(_Token, path, params=credentials, authenticated=False).access_token
    return http.read(
        _Token, path, method="POST", data=dict(credentials), authenticated=False
    ).access_token


def read_error(response: Response, rate_seconds: float | None = None) -> VendorError | None:
    """The error that an answer tells of, most often inside a 200; None for data.

    `rate_seconds` is how long to wait when the rate is reached; Marketo does not say.

    >>> body = b'{"success":false,"errors":[{"code":"602","message":"Access token expired"}]}'
    >>> read_error(Response(200, {}, body)).verdict
    <Verdict.REFRESH: 'refresh'>
    """
    body = response.body
    if body[:64].lstrip()[:1] != b"{":
        return None
    try:
        said = msgspec.json.decode(body, type=_Verdict)
    except (msgspec.DecodeError, RecursionError):
        # Cut short or no envelope: whoever reads the page finds out and asks again.
        return None
    if said.success:
        return None
    error = said.errors[0] if said.errors else _Error("", "success is false, without a reason")
    code = str(error.code)
    verdict = _VERDICTS.get(code, Verdict.FATAL)
    wait = rate_seconds if code == _RATE_REACHED else None
    return VendorError(verdict, error.message, code, wait)
