"""Speaking to the Data API: reports, what is left of the quota, and the reading of errors.

Belongs here: one property's client. Does not: signing in (`login.py`), which days are asked for
(`pull.py`).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.envelope import OnReject
from revops_pipelines.engine.ingest.errors import QuotaExhaustedError, VendorError, Verdict
from revops_pipelines.engine.ingest.http import Allowance, HttpClient, Limiter, Response, Retries
from revops_pipelines.engine.ingest.login import Tokens
from revops_pipelines.resources.sources.ga4.login import ServiceAccount, asked
from revops_pipelines.resources.sources.ga4.options import Ga4Options

# Ten server errors in an hour block the project for the rest of it; the last ones are not ours.
_SPARE_SERVER_ERRORS = 2
# A moment of another caller's; the place is free again when its request ends.
_TOO_MANY_AT_ONCE_SECONDS = 2.0


class Status(msgspec.Struct):
    """One bucket of the quota."""

    remaining: int = 0


class Quota(msgspec.Struct, rename="camel"):
    """What is left of the property's quota; None where an answer does not tell of a bucket.

    Source: https://developers.google.com/analytics/devguides/reporting/data/v1/quotas
    """

    tokens_per_day: Status | None = None
    tokens_per_hour: Status | None = None
    tokens_per_project_per_hour: Status | None = None
    server_errors_per_project_per_hour: Status | None = None


class Name(msgspec.Struct):
    """A header of a column."""

    name: str


class Report(msgspec.Struct, rename="camel"):
    """A page of a report; its rows stay bytes."""

    rows: list[msgspec.Raw] = msgspec.field(default_factory=list)
    row_count: int = 0
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    dimension_headers: list[Name] = msgspec.field(default_factory=list)
    metric_headers: list[Name] = msgspec.field(default_factory=list)


class _Told(msgspec.Struct, rename="camel"):
    property_quota: Quota | None = None


class _Reason(msgspec.Struct):
    reason: str = ""


class _Error(msgspec.Struct):
    message: str = ""
    status: str = ""
    details: list[_Reason] = msgspec.field(default_factory=list)


class _Refusal(msgspec.Struct):
    """An error of the Data API is an object, one of the sign-in a word beside its description."""

    error: _Error | str | None = None
    error_description: str = ""


_VERDICTS = {
    "UNAUTHENTICATED": Verdict.REFRESH,
    "PERMISSION_DENIED": Verdict.PERMISSION,
    "RESOURCE_EXHAUSTED": Verdict.THROTTLED,
    "INTERNAL": Verdict.RETRY,
    "UNAVAILABLE": Verdict.RETRY,
    "DEADLINE_EXCEEDED": Verdict.RETRY,
    "ABORTED": Verdict.RETRY,
}


@dataclass(slots=True)
class Analytics:
    """One property; shared by its streams, safe across threads."""

    http: HttpClient
    login: HttpClient
    options: Ga4Options
    tokens: Tokens
    gauge: Gauge

    def report(self, query: Mapping[str, Any], on_reject: OnReject | None = None) -> Report:
        """A page of a report. Raises those of `errors.py`."""
        self.gauge.check(self.options.spare_tokens)
        path = f"/v1beta/properties/{self.options.property_id}:runReport"
        body = {**query, "returnPropertyQuota": True}
        return self.http.read(Report, path, method="POST", json=body, on_reject=on_reject)

    def close(self) -> None:
        """Close all connections."""
        self.http.close()
        self.login.close()


class Gauge:
    """The quota as the last answer told it; safe across threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.quota: Quota | None = None

    def read(self, response: Response) -> Allowance | None:
        """Note what an answer tells of the quota; the day's tokens are the allowance."""
        if response.status != 200:
            return None
        try:
            quota = msgspec.json.decode(response.body, type=_Told).property_quota
        except (msgspec.MsgspecError, RecursionError):
            # Cut short or no report: whoever reads the page finds out.
            return None
        if quota is None or quota.tokens_per_day is None:
            return None
        with self._lock:
            self.quota = quota
        return Allowance(quota.tokens_per_day.remaining)

    def check(self, spare_tokens: int) -> None:
        """Stop before the vendor does. Raises QuotaExhaustedError."""
        with self._lock:
            quota = self.quota or Quota()
        for said, bucket, spare in (
            ("tokens of this hour", quota.tokens_per_hour, spare_tokens),
            ("tokens of this project's hour", quota.tokens_per_project_per_hour, spare_tokens),
            (
                "server errors of this hour",
                quota.server_errors_per_project_per_hour,
                _SPARE_SERVER_ERRORS,
            ),
        ):
            if bucket is not None and bucket.remaining < spare:
                raise QuotaExhaustedError(
                    f"stopped with {bucket.remaining:,} {said} left; a later run goes on"
                )

    def said(self) -> str:
        """What is left, for people."""
        quota = self.quota
        if quota is None or quota.tokens_per_day is None or quota.tokens_per_hour is None:
            return "the quota is not told"
        day, hour = quota.tokens_per_day.remaining, quota.tokens_per_hour.remaining
        return f"{day:,} tokens left today, {hour:,} this hour"


def connect(connection: Connection) -> Analytics:
    """A client for one property. Asks nobody yet. Raises ValueError for missing settings."""
    options: Ga4Options = connection.options
    if not options.property_id:
        raise ValueError(
            f"property_id in [sources.{connection.name}] is missing; see Admin > Property details"
        )
    account = ServiceAccount(
        connection.secrets["client_email"], connection.secrets["private_key"], options.token_url
    )
    secrets = (account.private_key, account.client_email)
    retries = Retries(tries=options.tries, throttled_tries=options.tries * 2)
    gauge = Gauge()
    login = HttpClient(
        options.token_url,
        read_error=read_error,
        secrets=secrets,
        allow_private=options.allow_private_address,
        now=connection.now,
    )
    tokens = Tokens(lambda: asked(account, login, connection.now()))
    http = HttpClient(
        options.base_url,
        auth=tokens.headers,
        refresh=tokens.renew,
        limiter=Limiter(concurrent=options.concurrent_requests),
        read_error=read_error,
        read_allowance=gauge.read,
        secrets=secrets,
        retries=retries,
        allow_private=options.allow_private_address,
        now=connection.now,
    )
    return Analytics(http, login, options, tokens, gauge)


def read_error(response: Response) -> VendorError | None:
    """The error in an answer; None for data.

    >>> body = b'{"error":{"code":403,"message":"no","status":"PERMISSION_DENIED"}}'
    >>> read_error(Response(403, {}, body)).verdict
    <Verdict.PERMISSION: 'permission'>
    >>> read_error(Response(400, {}, b'{"error":"invalid_grant"}')).verdict
    <Verdict.REFRESH: 'refresh'>
    """
    if response.status < 400 and not response.body.lstrip()[:9].startswith(b'{"error":'):
        return None
    try:
        refusal = msgspec.json.decode(response.body, type=_Refusal)
    except (msgspec.MsgspecError, RecursionError):
        return None
    error = refusal.error
    if error is None:
        return None
    if isinstance(error, str):
        return VendorError(Verdict.REFRESH, refusal.error_description or error, error)
    reasons: Sequence[str] = [each.reason for each in error.details if each.reason]
    verdict = _VERDICTS.get(error.status) or _by_status(response.status)
    wait = _TOO_MANY_AT_ONCE_SECONDS if verdict is Verdict.THROTTLED else None
    return VendorError(verdict, error.message, reasons[0] if reasons else error.status, wait)


def _by_status(status: int) -> Verdict:
    known = {401: Verdict.REFRESH, 403: Verdict.PERMISSION, 429: Verdict.THROTTLED}
    return known.get(status, Verdict.RETRY if status >= 500 else Verdict.FATAL)
