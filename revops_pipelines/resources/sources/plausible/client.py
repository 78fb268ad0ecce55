"""Speaking to Plausible: queries, and the reading of errors.

Belongs here: one site's client. Does not: what is asked (`pull.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from revops_pipelines.engine.declarations import Connection
from revops_pipelines.engine.ingest.envelope import OnReject
from revops_pipelines.engine.ingest.errors import ProtocolError, VendorError, Verdict
from revops_pipelines.engine.ingest.http import HttpClient, Limiter, Response, Retries
from revops_pipelines.engine.ingest.limits import Limit
from revops_pipelines.resources.sources.plausible.options import PlausibleOptions

PATH = "/api/v2/query"


class _Meta(msgspec.Struct):
    total_rows: int | None = None


class Page(msgspec.Struct):
    """A page of a query's results; its rows stay bytes."""

    results: list[msgspec.Raw]
    meta: _Meta = msgspec.field(default_factory=_Meta)


class _Refusal(msgspec.Struct):
    error: Any = ""


@dataclass(slots=True)
class Plausible:
    """One site; shared by its streams, safe across threads."""

    http: HttpClient
    options: PlausibleOptions

    def page(
        self, query: Mapping[str, Any], offset: int = 0, on_reject: OnReject | None = None
    ) -> Page:
        """A page of a query's results. Raises those of `errors.py`."""
        body = {
            "site_id": self.options.site_id,
            "pagination": {"limit": self.options.page_rows, "offset": offset},
            **query,
        }
        return self.http.read(Page, PATH, method="POST", json=body, on_reject=on_reject)

    def pages(self, query: Mapping[str, Any], on_reject: OnReject) -> Iterator[list[msgspec.Raw]]:
        """All pages. Raises ProtocolError when their rows are not as many as promised."""
        put_aside: list[bytes] = []

        def reject(record: bytes, rule: str) -> None:
            put_aside.append(record)
            on_reject(record, rule)

        asked = {**query, "include": {"total_rows": True}}
        offset = came = 0
        while True:
            page = self.page(asked, offset, reject)
            total = page.meta.total_rows
            if total is None:
                raise ProtocolError("a query's answer does not say how many rows there are")
            came += len(page.results)
            yield page.results
            offset += self.options.page_rows
            if offset >= total:
                break
        if came + len(put_aside) != total:
            raise ProtocolError(f"a query has {total} rows, {came} came")

    def close(self) -> None:
        """Close all connections."""
        self.http.close()


def connect(connection: Connection) -> Plausible:
    """A client for one site. Asks nobody yet. Raises ValueError for missing settings."""
    options: PlausibleOptions = connection.options
    if not options.site_id:
        raise ValueError(
            f"site_id in [sources.{connection.name}] is missing; it is the site's domain"
        )
    key = connection.secrets.get("api_key", "")
    if not key:
        raise ValueError("Plausible needs an API key: set PLAUSIBLE_API_KEY to a Stats API key")
    headers = {"Authorization": f"Bearer {key}"}
    steady = max(1.0, options.requests_per_hour - options.burst_requests)
    http = HttpClient(
        options.base_url,
        auth=lambda: headers,
        limiter=Limiter(Limit(steady, 3600.0, burst=options.burst_requests)),
        read_error=read_error,
        secrets=(key,),
        retries=Retries(tries=options.tries),
        allow_private=options.allow_private_address,
        now=connection.now,
    )
    return Plausible(http, options)


def read_error(response: Response) -> VendorError | None:
    """The error in an answer, `{"error": "..."}` with a status; None for data.

    A key that may not read the site is answered like a wrong one, with 401.

    >>> read_error(Response(429, {}, b'{"error":"Too many API requests"}')).verdict
    <Verdict.THROTTLED: 'throttled'>
    """
    if response.status < 400 and not response.body.lstrip()[:9].startswith(b'{"error":'):
        return None
    try:
        refusal = msgspec.json.decode(response.body, type=_Refusal)
    except (msgspec.MsgspecError, RecursionError):
        return None
    said = refusal.error if isinstance(refusal.error, str) else "refused"
    known = {
        401: Verdict.REFRESH,
        402: Verdict.PERMISSION,
        403: Verdict.PERMISSION,
        429: Verdict.THROTTLED,
    }
    verdict = known.get(response.status)
    if verdict is None:
        verdict = Verdict.RETRY if response.status >= 500 else Verdict.FATAL
    return VendorError(verdict, said)
