"""Speaking to HubSpot: where things are, how errors are worded, what the account has.

Belongs here: paths by API version, limits, the reading of errors, the account's properties. Does
not: which streams there are (`streams.py`) or how a stream is pulled (`pull.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.envelope import OnReject
from revops_pipelines.engine.ingest.errors import VendorError, Verdict
from revops_pipelines.engine.ingest.http import Allowance, HttpClient, Response, Retries
from revops_pipelines.engine.ingest.limits import Limit, Limiter
from revops_pipelines.resources.sources.hubspot.options import HubSpotReach
from revops_pipelines.resources.sources.hubspot.pacing import Pace

SEARCH = "search"
Answer = TypeVar("Answer")

# Inside a 207 these only say that a record has no association of the kind, or is gone by now.
_HARMLESS = ("OBJECT_NOT_FOUND",)
_CATEGORIES = {
    "INVALID_AUTHENTICATION": Verdict.REFRESH,
    "EXPIRED_AUTHENTICATION": Verdict.REFRESH,
    "MISSING_SCOPES": Verdict.PERMISSION,
    "RATE_LIMITS": Verdict.THROTTLED,
}
# 423: another process holds the records; 477: HubSpot moves the account to another data centre.
_STATUSES = {
    401: Verdict.REFRESH,
    403: Verdict.PERMISSION,
    423: Verdict.RETRY,
    429: Verdict.THROTTLED,
    477: Verdict.QUOTA,
}


class _Error(msgspec.Struct, rename="camel"):
    """HubSpot's error body; a 429 has no category but `errorType` and `policyName`."""

    message: str = ""
    status: str = ""
    category: str = ""
    sub_category: Any = None
    error_type: str = ""
    policy_name: str = ""
    context: dict[str, Any] = msgspec.field(default_factory=dict)
    errors: list[Any] = msgspec.field(default_factory=list)


class _Property(msgspec.Struct, rename="camel"):
    name: str
    hubspot_defined: bool = False


class _Properties(msgspec.Struct):
    results: list[_Property]


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things are in one version of the API.

    >>> Paths("2026-09").objects("contacts")
    '/crm/objects/2026-09/contacts'
    >>> Paths("v3").associations("deals", "contacts")
    '/crm/v4/associations/deals/contacts/batch/read'
    """

    version: str

    @property
    def _is_dated(self) -> bool:
        return self.version != "v3"

    def objects(self, kind: str) -> str:
        """List of records of a type; `/search` and `/batch/read` hang below."""
        if self._is_dated:
            return f"/crm/objects/{self.version}/{kind}"
        return f"/crm/v3/objects/{kind}"

    def associations(self, of: str, to: str) -> str:
        """Associations of many records. The v3 form has no labels, so v4 goes with v3."""
        if self._is_dated:
            return f"/crm/associations/{self.version}/{of}/{to}/batch/read"
        return f"/crm/v4/associations/{of}/{to}/batch/read"

    def owners(self) -> str:
        """Users to whom records can belong."""
        return f"/crm/owners/{self.version}" if self._is_dated else "/crm/v3/owners"

    def pipelines(self, kind: str) -> str:
        """Pipelines and their stages."""
        stem = f"/crm/pipelines/{self.version}" if self._is_dated else "/crm/v3/pipelines"
        return f"{stem}/{kind}"

    def properties(self, kind: str) -> str:
        """Fields of a type of record."""
        stem = f"/crm/properties/{self.version}" if self._is_dated else "/crm/v3/properties"
        return f"{stem}/{kind}"

    def exchange_rates(self) -> str:
        """Rates into the company currency."""
        if self._is_dated:
            return f"/settings/currencies/{self.version}/exchange-rates"
        return "/settings/v3/currencies/exchange-rates"

    def account(self) -> str:
        """The account itself."""
        return f"/account-info/{self.version}/details"


@dataclass(slots=True)
class HubSpot:
    """A connected account; shared by its streams, safe across threads."""

    http: HttpClient
    options: HubSpotReach
    paths: Paths
    pace: Pace = field(default_factory=Pace, repr=False)
    _properties: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    def get(
        self,
        answer: type[Answer],
        path: str,
        params: Mapping[str, Any] | None = None,
        on_reject: OnReject | None = None,
    ) -> Answer:
        """A GET's answer as `answer`; `on_reject` takes records that are no proper JSON."""
        return self.http.read(answer, path, params=params, on_reject=on_reject)

    def post(
        self,
        answer: type[Answer],
        path: str,
        body: Any,
        endpoint: str = "default",
        on_reject: OnReject | None = None,
    ) -> Answer:
        """A POST's answer as `answer`; all our POSTs only read."""
        return self.http.read(
            answer, path, method="POST", json=body, endpoint=endpoint, on_reject=on_reject
        )

    def property_names(self, kind: str, needed: Sequence[str]) -> tuple[str, ...]:
        """Properties to ask for: those the account has, asked once in a connection's life.

        Those `needed` come first, so that they are in the first part of a split list.
        """
        # Two threads may ask at once; both get the same answer.
        known = self._properties.get(kind)
        if known is None:
            page = self.get(_Properties, self.paths.properties(kind))
            everything = not self.options.only_needed_properties
            known = tuple(
                each.name for each in page.results if everything or not each.hubspot_defined
            )
            self._properties[kind] = known
        return tuple(dict.fromkeys((*needed, *known)))

    def close(self) -> None:
        """Close all connections."""
        self.http.close()


def connect(connection: Connection) -> HubSpot:
    """A client for a private app's token (or any bearer token that outlives the run)."""
    options: HubSpotReach = connection.options
    token = connection.secrets["access_token"]
    limiter = Limiter(
        _rolling(options.requests_per_10_seconds, 10.0),
        # No burst: the search limit is counted by the second.
        {SEARCH: Limit(options.search_requests_per_second, 1.0, burst=1)},
        concurrent=options.concurrent_requests,
    )
    http = HttpClient(
        options.base_url,
        auth=lambda: {"Authorization": f"Bearer {token}"},
        limiter=limiter,
        read_error=read_error,
        read_allowance=read_allowance,
        secrets=(token,),
        retries=Retries(tries=options.tries),
        allow_private=options.allow_private_address,
        now=connection.now,
    )
    return HubSpot(http, options, Paths(options.api_version))


def _rolling(requests: float, seconds: float) -> Limit:
    """A limit that holds in any stretch of so many seconds: what is saved up counts as well.

    >>> _rolling(190, 10.0)
    Limit(requests=180.5, seconds=10.0, burst=9.5)
    """
    burst = requests / 20
    return Limit(requests - burst, seconds, burst)


def read_allowance(response: Response) -> Allowance | None:
    """How many requests of today the account has left; searches and OAuth apps are not told.

    >>> headers = {"x-hubspot-ratelimit-daily": "650000"}
    >>> read_allowance(Response(200, headers | {"x-hubspot-ratelimit-daily-remaining": "7"}, b""))
    Allowance(left=7, limit=650000)
    """
    left = response.headers.get("x-hubspot-ratelimit-daily-remaining", "")
    most = response.headers.get("x-hubspot-ratelimit-daily", "")
    if not left.isdigit():
        return None
    return Allowance(int(left), int(most) if most.isdigit() else None)


def read_error(response: Response) -> VendorError | None:
    """The error that an answer tells of, also inside a 200 or 207; None for data.

    >>> body = b'{"status":"error","message":"Too fast","errorType":"RATE_LIMIT",' \\
    ...     b'"policyName":"DAILY"}'
    >>> read_error(Response(429, {}, body)).verdict
    <Verdict.QUOTA: 'quota'>
    """
    status = response.status
    if 200 <= status < 300:
        return _hidden_error(response)
    error = _error_in(response.body)
    if error is None:
        # A proxy's page or nothing: the status must speak for itself.
        return None
    return _classified(status, error)


def _hidden_error(response: Response) -> VendorError | None:
    """An error inside a success: a partial batch (207), or an error body with status 200."""
    if response.status != 207 and b'"status":"error"' not in response.body[:400]:
        return None
    error = _error_in(response.body)
    if error is None:
        return VendorError(Verdict.RETRY, "an answer in parts that cannot be read", "PARTIAL")
    if response.status != 207:
        return _classified(response.status, error)
    for part in error.errors:
        category = str(part.get("category", "")) if isinstance(part, dict) else ""
        if category not in _HARMLESS:
            verdict = _CATEGORIES.get(category, Verdict.RETRY)
            return VendorError(verdict, "part of a batch failed", category or "PARTIAL")
    return None


def _classified(status: int, error: _Error) -> VendorError:
    code = error.category or error.error_type or error.policy_name
    message = error.message or "no message"
    verdict = _CATEGORIES.get(error.category) or _STATUSES.get(status)
    if verdict is None:
        verdict = Verdict.RETRY if status in (408, 425) or status >= 500 else Verdict.FATAL
    if verdict is Verdict.THROTTLED:
        return _throttled(error, message)
    if verdict is Verdict.PERMISSION:
        scopes = ", ".join(_missing_scopes(error))
        wanted = f"scope {scopes}" if scopes else "a scope"
        return VendorError(verdict, f"the private app lacks {wanted}; grant it in HubSpot", code)
    return VendorError(verdict, message, code)


def _throttled(error: _Error, message: str) -> VendorError:
    """Which limit was hit: the day's cannot be waited for."""
    if error.policy_name.upper() == "DAILY":
        return VendorError(
            Verdict.QUOTA, "the account's requests of today are used up", error.policy_name
        )
    return VendorError(Verdict.THROTTLED, message, error.policy_name)


def _missing_scopes(error: _Error) -> list[str]:
    """Scopes that a 403 names, which HubSpot writes in three places.

    >>> _missing_scopes(_Error(errors=[{"context": {"requiredGranularScopes": ["a.read"]}}]))
    ['a.read']
    """
    found: list[str] = []
    for part in (error.context, *(e.get("context") for e in error.errors if isinstance(e, dict))):
        if isinstance(part, dict):
            for name in ("missingScopes", "requiredScopes", "requiredGranularScopes"):
                value = part.get(name)
                found.extend(str(scope) for scope in value or () if isinstance(value, list))
    return list(dict.fromkeys(found))


def _error_in(body: bytes) -> _Error | None:
    try:
        return msgspec.json.decode(body, type=_Error, strict=False)
    except (msgspec.DecodeError, RecursionError):
        return None
