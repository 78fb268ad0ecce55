"""Speaking to Dataverse: tokens, errors, pages, the definitions of tables.

Belongs here: limits, credentials, the reading of errors, paging. Does not: which streams there are
(`streams.py`) or how a stream is pulled (`pull.py`).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import msgspec

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.envelope import OnReject
from revops_pipelines.engine.ingest.errors import VendorError, Verdict
from revops_pipelines.engine.ingest.http import HttpClient, Response, Retries
from revops_pipelines.engine.ingest.limits import Limit, Limiter
from revops_pipelines.engine.ingest.login import Tokens
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.resources.sources.dynamics.options import DynamicsOptions

Answer = TypeVar("Answer")
FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
_ANNOTATIONS = f'odata.include-annotations="{FORMATTED},{LOGICAL_NAME}"'
# What is taken for "too many to count".
_NOT_COUNTED = 5_000
_LOOKUPS = ("Lookup", "Customer", "Owner")
# Types whose values are no columns of a row's JSON, or too large for it.
_UNREADABLE = ("Virtual", "PartyList", "CalendarRules", "ManagedProperty", "EntityName", "Image")

# learn.microsoft.com, "Web service error codes" and "Service protection API limits".
_CODES = {
    "0x80072322": Verdict.THROTTLED,
    "0x80072321": Verdict.THROTTLED,
    "0x80072326": Verdict.THROTTLED,
    "0x80040220": Verdict.PERMISSION,
    "0x80042f09": Verdict.PERMISSION,
    # ExpiredVersionStamp: the change token is older than the environment keeps changes.
    "0x80044352": Verdict.CURSOR_EXPIRED,
}
_STATUSES = {
    401: Verdict.REFRESH,
    403: Verdict.PERMISSION,
    408: Verdict.RETRY,
    410: Verdict.CURSOR_EXPIRED,
    425: Verdict.RETRY,
    429: Verdict.THROTTLED,
}
_PRIVILEGE = re.compile(r"missing (prv\w+) privilege")


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Refusal(msgspec.Struct):
    error: _Error


class _LoginRefusal(msgspec.Struct):
    """Entra's words."""

    error: str = ""
    error_description: str = ""


class _Token(msgspec.Struct):
    access_token: str


class _Keyed(msgspec.Struct):
    """Keys of tables that are read without their definition; none has its own without a value."""

    auditid: str = ""
    teammembershipid: str = ""


class Page(msgspec.Struct, rename={"next": "@odata.nextLink", "delta": "@odata.deltaLink"}):
    """A page of rows; the last one of a tracked list has a link to what changes afterwards."""

    RECORD: ClassVar[type] = _Keyed

    value: list[msgspec.Raw]
    next: str | None = None
    delta: str | None = None


class Attribute(msgspec.Struct, rename="pascal"):
    """A column's definition."""

    logical_name: str
    attribute_type: str = ""
    is_custom_attribute: bool = False
    is_valid_for_read: bool = True
    attribute_of: str | None = None
    is_logical: bool = False

    @property
    def key(self) -> str:
        """The column in a row's JSON."""
        if self.attribute_type in _LOOKUPS:
            return f"_{self.logical_name}_value"
        return self.logical_name

    @property
    def is_readable(self) -> bool:
        """Rows can be asked for it."""
        return (
            self.is_valid_for_read
            and self.attribute_of is None
            and self.attribute_type not in _UNREADABLE
        )


class Definition(msgspec.Struct, rename="pascal"):
    """A table's definition."""

    logical_name: str
    entity_set_name: str
    primary_id_attribute: str
    attributes: list[Attribute]
    change_tracking_enabled: bool = False

    def select(self, needed: Sequence[str], options: DynamicsOptions) -> str:
        """The `$select` of what is needed and the company's own; empty for every column.

        Columns that the environment does not have (an app that is not installed) are left out.
        """
        if options.all_columns:
            return ""
        wanted = set(needed)
        names = sorted(
            each.key
            for each in self.attributes
            if each.is_readable and (each.key in wanted or each.is_custom_attribute)
        )
        text = ",".join(names)
        return text if len(text) <= options.url_characters else ""


@dataclass(slots=True)
class Dataverse:
    """A connected environment; shared by its streams, safe across threads."""

    http: HttpClient
    login: HttpClient
    options: DynamicsOptions
    _definitions: dict[str, Definition] = field(default_factory=dict, repr=False)
    _asking: dict[str, threading.Lock] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def get(self, answer: type[Answer], path: str, params: Mapping[str, Any]) -> Answer:
        """A GET's answer as `answer`; `path` begins behind the version."""
        return self.http.read(answer, self._at(path), params=params, headers=self._prefer())

    def count(self, entity_set: str) -> int:
        """How many rows a table has, counted to 5,000."""
        # Plain text, with a byte order mark.
        body = self.http.get(self._at(f"{entity_set}/$count"), accept_html=True).body
        text = body.decode("utf-8-sig").strip()
        return int(text) if text.isdigit() else _NOT_COUNTED

    def definition(self, table: str) -> Definition:
        """A table's definition, asked once in a connection's life."""
        with self._lock:
            asking = self._asking.setdefault(table, threading.Lock())
        # One asks, and the others wait for that answer.
        with asking:
            known = self._definitions.get(table)
            if known is not None:
                return known
            inner = "LogicalName,AttributeType,IsCustomAttribute,IsValidForRead,AttributeOf"
            known = self.get(
                Definition,
                f"EntityDefinitions(LogicalName='{table}')",
                {
                    "$select": "LogicalName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled",
                    "$expand": f"Attributes($select={inner},IsLogical)",
                },
            )
            self._definitions[table] = known
            return known

    def pages(
        self,
        entity_set: str,
        params: Mapping[str, Any],
        *,
        tracks: bool = False,
        on_reject: OnReject | None = None,
    ) -> Iterator[Page]:
        """All pages of a list, from its first; `tracks` asks for a delta link at its end."""
        return self.follow(None, entity_set, params, tracks=tracks, on_reject=on_reject)

    def follow(
        self,
        link: str | None,
        entity_set: str = "",
        params: Mapping[str, Any] | None = None,
        *,
        tracks: bool = False,
        on_reject: OnReject | None = None,
    ) -> Iterator[Page]:
        """Pages from a link on; links are followed as they came, and only to where we are."""
        headers = self._prefer(tracks=tracks)

        def fetch(at: str | None) -> Page:
            if at is None:
                return self.http.read(
                    Page,
                    self._at(entity_set),
                    params=params,
                    headers=headers,
                    on_reject=on_reject,
                )
            return self.http.read(Page, at, headers=headers, on_reject=on_reject)

        return follow(fetch, lambda page: page.next, lambda page: len(page.value), link)

    def _at(self, path: str) -> str:
        return f"/api/data/v{self.options.api_version}/{path}"

    def _prefer(self, *, tracks: bool = False) -> dict[str, str]:
        prefer = [_ANNOTATIONS, f"odata.maxpagesize={self.options.page_records}"]
        if tracks:
            prefer.append("odata.track-changes")
        return {
            "Accept": "application/json",
            "OData-Version": "4.0",
            "OData-MaxVersion": "4.0",
            "Prefer": ",".join(prefer),
        }

    def close(self) -> None:
        """Close all connections."""
        self.http.close()
        self.login.close()


def connect(connection: Connection) -> Dataverse:
    """A client for an application user (client credentials). Asks nobody yet."""
    options: DynamicsOptions = connection.options
    if not options.base_url or not options.tenant_id:
        raise ValueError(
            f"base_url and tenant_id in [sources.{connection.name}] are needed; see Power Platform "
            "admin center > Environments, and Microsoft Entra > App registrations"
        )
    secrets = (connection.secrets["client_id"], connection.secrets["client_secret"])
    login = HttpClient(
        options.login_url,
        read_error=read_login_error,
        secrets=secrets,
        retries=Retries(tries=options.tries),
        allow_private=options.allow_private_address,
        now=connection.now,
    )
    tokens = Tokens(lambda: _asked(login, options, *secrets))
    steady = options.requests_per_5_minutes
    http = HttpClient(
        options.base_url,
        auth=tokens.headers,
        refresh=tokens.renew,
        limiter=Limiter(
            Limit(steady * 0.9, 300.0, burst=steady * 0.1),
            concurrent=options.concurrent_requests,
        ),
        read_error=read_error,
        secrets=secrets,
        retries=Retries(tries=options.tries),
        allow_private=options.allow_private_address,
        now=connection.now,
    )
    return Dataverse(http, login, options)


def _asked(login: HttpClient, options: DynamicsOptions, identifier: str, secret: str) -> str:
    """A token for the environment; the secret goes into a form, never into an address."""
    form = {
        "grant_type": "client_credentials",
        "client_id": identifier,
        "client_secret": secret,
        "scope": f"{options.base_url.rstrip('/')}/.default",
    }
    path = f"/{options.tenant_id}/oauth2/v2.0/token"
    return login.read(_Token, path, method="POST", data=form, authenticated=False).access_token


def read_login_error(response: Response) -> VendorError | None:
    """Entra's refusal: whatever is wrong with the app registration, a person must mend it.

    >>> body = b'{"error":"invalid_client","error_description":"AADSTS7000215: Invalid secret."}'
    >>> read_login_error(Response(401, {}, body)).verdict
    <Verdict.REFRESH: 'refresh'>
    """
    is_token = response.status < 400 and not response.body.lstrip()[:9].startswith(b'{"error":')
    if is_token or response.status >= 500 or response.status in (408, 429):
        return None
    try:
        said = msgspec.json.decode(response.body, type=_LoginRefusal)
    except (msgspec.DecodeError, RecursionError):
        said = _LoginRefusal()
    # What follows are trace and correlation identifiers.
    text = said.error_description.partition("Trace ID")[0].strip()
    return VendorError(Verdict.REFRESH, text or "the credentials are refused", said.error)


def read_error(response: Response) -> VendorError | None:
    """The error that an answer tells of; None for data.

    >>> body = b'{"error":{"code":"0x80044352","message":"Version stamp ... has expired."}}'
    >>> read_error(Response(400, {}, body)).verdict
    <Verdict.CURSOR_EXPIRED: 'cursor expired'>
    """
    status = response.status
    if 200 <= status < 300 and not response.body.lstrip()[:9].startswith(b'{"error":'):
        return None
    try:
        said = msgspec.json.decode(response.body, type=_Refusal).error
    except (msgspec.DecodeError, RecursionError):
        return None
    verdict = _CODES.get(said.code.lower()) or _STATUSES.get(status)
    if verdict is None:
        verdict = Verdict.RETRY if status >= 500 and status != 501 else Verdict.FATAL
    if verdict is Verdict.PERMISSION:
        missing = _PRIVILEGE.search(said.message)
        if missing is not None:
            text = f"the application user lacks the privilege {missing.group(1)}"
            return VendorError(verdict, text, said.code)
    return VendorError(verdict, said.message or "no message", said.code)
