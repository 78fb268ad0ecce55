"""Reading an object's records: by query where they are few, by Bulk job where they are many.

Belongs here: the query's text, its pages, and the choice of the way. Does not: which records a pull
needs and what it remembers (`pull.py`).

`queryAll` and not `query`: deleted records, and tasks and events that Salesforce has archived after
a year, are in no other answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import quote_plus

import msgspec

from revops_pipelines.engine.ingest.envelope import OnReject
from revops_pipelines.engine.ingest.errors import (
    CursorExpiredError,
    ProtocolError,
    RequestRefusedError,
)
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.engine.ingest.windows import Window
from revops_pipelines.resources.sources.salesforce import bulk
from revops_pipelines.resources.sources.salesforce.client import Salesforce
from revops_pipelines.resources.sources.salesforce.records import Record, Shape
from revops_pipelines.resources.sources.salesforce.schema import Field

# Lost cursors are taken up again so often; then the stream starts over.
_RESUMES = 3


class _Page(msgspec.Struct, rename="camel"):
    records: list[msgspec.Raw]
    total_size: int = 0
    done: bool = True
    next_records_url: str | None = None


class _Count(msgspec.Struct, rename="camel"):
    total_size: int


@dataclass(frozen=True, slots=True)
class Query:
    """Which records of an object, and which of their fields.

    `cursor` is the field that dates changes, empty for an object without one. `after` is the (time,
    id) of the last record that was read; what follows is in order of both. `on_reject` takes
    records that are no proper JSON.
    """

    object: str
    fields: tuple[Field, ...]
    cursor: str
    window: Window | None = None
    after: tuple[str, str] | None = None
    on_reject: OnReject | None = None

    @property
    def shape(self) -> Shape:
        """How its records are written down."""
        return Shape(self.fields, self.cursor)

    def soql(self, *, ordered: bool) -> str:
        """The query's text.

        >>> Query("Task", (Field("Id", "id"),), "SystemModstamp").soql(ordered=False)
        'SELECT Id FROM Task'
        """
        names = ", ".join(each.name for each in self.fields)
        return f"SELECT {names} FROM {self.object}{self._where()}{self._order() if ordered else ''}"

    def count(self) -> str:
        """The query that counts its records."""
        return f"SELECT COUNT() FROM {self.object}{self._where()}"

    def _where(self) -> str:
        terms = []
        if self.window is not None:
            terms.append(f"{self.cursor} >= {instant(self.window.start)}")
            terms.append(f"{self.cursor} < {instant(self.window.end)}")
        if self.after is not None:
            at, identifier = self.after
            terms.append(
                f"({self.cursor} > {at} OR ({self.cursor} = {at} AND Id > '{identifier}'))"
            )
        return f" WHERE {' AND '.join(terms)}" if terms else ""

    def _order(self) -> str:
        return f" ORDER BY {self.cursor}, Id" if self.cursor else " ORDER BY Id"


def instant(at: datetime) -> str:
    """A moment as SOQL takes it, unquoted.

    >>> instant(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05.000Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


@dataclass(frozen=True, slots=True)
class Reading:
    """Records on their way: how many the org says there are, and their pages.

    `is_ordered`: they come in order of (time, id).
    """

    total: int | None
    is_ordered: bool
    pages: Iterator[list[Record]]


def counted(api: Salesforce, query: Query) -> int:
    """How many records a query has; more than a few where counting takes too long."""
    try:
        return api.get(_Count, api.path("queryAll"), {"q": query.count()}).total_size
    except RequestRefusedError as error:
        if error.code != "QUERY_TIMEOUT":
            raise
    return api.options.bulk_above_records + 1


def read(api: Salesforce, query: Query, expected: int | None = None) -> Reading:
    """Begin to read a query's records. Raises IngestError.

    `expected` is how many there are, if that is known; else the first page tells.
    """
    above = api.options.bulk_above_records
    if _is_long(api, query):
        return _by_job(api, query)
    if expected is None or expected <= above:
        first = _first_page(api, query)
        if first.total_size <= above:
            return Reading(first.total_size, True, _queried(api, query, first))
    try:
        return _by_job(api, query)
    except bulk.UnsupportedError:
        first = _first_page(api, query)
        return Reading(first.total_size, True, _queried(api, query, first))


def _by_job(api: Salesforce, query: Query) -> Reading:
    job = bulk.run(api, query.soql(ordered=False))
    return Reading(job.number_records_processed, False, bulk.pages(api, job, query.shape))


def _is_long(api: Salesforce, query: Query) -> bool:
    return len(quote_plus(query.soql(ordered=True))) > api.options.url_characters


def _first_page(api: Salesforce, query: Query) -> _Page:
    return _page(api, api.path("queryAll"), {"q": query.soql(ordered=True)}, query.on_reject)


def _page(
    api: Salesforce,
    path: str,
    params: dict[str, str] | None = None,
    on_reject: OnReject | None = None,
) -> _Page:
    size = {"Sforce-Query-Options": f"batchSize={api.options.page_records}"}
    return api.get(_Page, path, params, size, on_reject)


def _queried(api: Salesforce, query: Query, first: _Page) -> Iterator[list[Record]]:
    """Pages of a query; where Salesforce lost its cursor, from the last record on.

    Records come in order of (time, id), so that many of one second are not cut apart.
    """
    last: Record | None = None
    for _ in range(_RESUMES):
        try:
            for page in _paged(api, query, first):
                last = page[-1] if page else last
                yield page
            return
        except CursorExpiredError:
            if last is None or last.changed_at is None:
                raise
        query = replace(query, after=(last.changed_at, last.id))
        first = _first_page(api, query)
    raise CursorExpiredError(f"{query.object}: the query's cursor expires again and again")


def _paged(api: Salesforce, query: Query, first: _Page) -> Iterator[list[Record]]:
    def fetch(url: str | None) -> _Page:
        return first if url is None else _page(api, url, on_reject=query.on_reject)

    shape = query.shape
    for page in follow(fetch, _next_url, lambda page: len(page.records)):
        yield [shape.of_answer(bytes(record)) for record in page.records]


def _next_url(page: _Page) -> str | None:
    if page.done:
        return None
    if not page.next_records_url:
        raise ProtocolError("a query's page is not the last and names no next one")
    return page.next_records_url


def seen(api: Salesforce, query: Query) -> int:
    """How many records one look finds: none or one. Raises IngestError where it may not look."""
    soql = f"{query.soql(ordered=False)} LIMIT 1"
    return len(_page(api, api.path("queryAll"), {"q": soql}).records)
