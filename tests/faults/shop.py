"""A made-up vendor, its connector, and one night of pulling and loading it.

Belongs here: the shop that fault tests pull from, honest in itself. Does not: faults
(`faulty_server.py`).

`/items` pages through what changed in [since, until), by a cursor that is (updated, id); `/deleted`
tells deletes; `/ids` lists all that exist; `/people` is small and read whole.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import msgspec
from faulty_server import Answer, Request

from revops_pipelines.engine.declarations import (
    Column,
    Connection,
    Pull,
    Source,
    SourceOptions,
    Stream,
)
from revops_pipelines.engine.ingest import stopping
from revops_pipelines.engine.ingest.errors import VendorError, Verdict
from revops_pipelines.engine.ingest.guards import reconcile
from revops_pipelines.engine.ingest.http import Caps, HttpClient, Limiter, Response, Retries
from revops_pipelines.engine.ingest.load import Loaded, ensure_raw_tables, load_stream
from revops_pipelines.engine.ingest.paging import follow
from revops_pipelines.engine.ingest.pull import Failed, SourceJob, pull_sources
from revops_pipelines.engine.ingest.windows import closed_end
from revops_pipelines.engine.warehouse.lock import writer_lock
from revops_pipelines.engine.warehouse.open import open_warehouse
from revops_pipelines.engine.warehouse.schema import ensure_schema

START = datetime(2026, 3, 1, tzinfo=UTC)
NIGHT = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
LAG = timedelta(minutes=1)
LOOK_BACK = timedelta(minutes=5)
SECRET = "canary-4f9c1e7ab2"
RENEWED = "canary-renewed-77d0"


class FakeTime:
    """A monotonic clock that only sleeping moves, and the sleeps that were asked for.

    `patient`: it really sleeps, as the client does outside of tests.
    """

    def __init__(self, patient: bool = False) -> None:
        self._patient = patient
        self._now = 0.0
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def monotonic(self) -> float:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        if self._patient:
            stopping.sleep(seconds)
        with self._lock:
            self._now += seconds
            self.slept.append(seconds)


@dataclass
class Shop:
    """What the vendor knows. `changed` items are re-stamped; `deleted` maps ids to times."""

    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    people: list[dict[str, Any]] = field(default_factory=list)
    deleted: dict[str, str] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {SECRET})
    page: int = 7

    def put(self, key: str, at: datetime, **content: Any) -> None:
        """Create or change an item."""
        self.items[key] = {"id": key, "updated": _text(at), **content}

    def remove(self, key: str, at: datetime) -> None:
        """Delete an item."""
        del self.items[key]
        self.deleted[key] = _text(at)

    def respond(self, request: Request) -> Answer:
        """The proper answer to a request."""
        if request.path == "/token":
            self.tokens = {RENEWED}
            return Answer.of({"token": RENEWED})
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return Answer.of({"error": "token"}, 401)
        return Answer.of(getattr(self, "_" + request.path.strip("/"))(request.query))

    def _items(self, query: dict[str, str]) -> dict[str, Any]:
        found = sorted(
            (item["updated"], key)
            for key, item in self.items.items()
            if query["since"] <= item["updated"] < query["until"]
        )
        after = tuple(query["cursor"].split("|")) if "cursor" in query else ("", "")
        rest = [place for place in found if place > after]
        page = rest[: self.page]
        more = "|".join(page[-1]) if len(rest) > self.page else None
        items = [self.items[key] for _, key in page]
        return {"items": items, "next": more, "total": len(found)}

    def _deleted(self, query: dict[str, str]) -> dict[str, Any]:
        return {"items": [{"id": key, "at": at} for key, at in sorted(self.deleted.items())]}

    def _ids(self, query: dict[str, str]) -> dict[str, Any]:
        return {"items": sorted(self.items)}

    def _people(self, query: dict[str, str]) -> dict[str, Any]:
        return {"items": self.people}


def stocked() -> Shop:
    """A shop with 60 items over a day, several of one instant, and three people."""
    shop = Shop()
    for number in range(60):
        # Groups of eleven share an instant and straddle the pages of seven.
        at = START + timedelta(hours=number // 11)
        shop.put(f"i{number:03d}", at, name=f"item {number}", note="x" * number)
    shop.people = [{"id": number, "name": f"person {number}"} for number in range(3)]
    return shop


def next_day(shop: Shop) -> None:
    """What happens before the second night: changes, a new item, a delete."""
    for number in range(0, 60, 5):
        at = NIGHT + timedelta(hours=1, minutes=number)
        shop.put(f"i{number:03d}", at, name=f"changed {number}", note="y")
    shop.put("i900", NIGHT + timedelta(hours=3), name="new", note="")
    shop.remove("i001", NIGHT + timedelta(hours=4))
    shop.people[0]["name"] = "renamed"


class Page(msgspec.Struct):
    """A page of the shop."""

    items: list[msgspec.Raw]
    next: str | None = None
    total: int | None = None


class Gone(msgspec.Struct):
    """A deleted item."""

    id: str
    at: datetime


class Keys(msgspec.Struct):
    """The ids that exist."""

    items: list[str]


class GonePage(msgspec.Struct):
    """All deleted items."""

    items: list[Gone]


class ShopOptions(SourceOptions):
    """Where the shop is, and how patient to be."""

    base_url: str
    tries: int = 4
    total_seconds: float = 5.0
    read_seconds: float = 5.0
    body_bytes: int = 1_000_000
    reads_ids: bool = False
    reads_total: bool = False


def read_error(response: Response) -> VendorError | None:
    """Errors of the shop, also inside 200: `{"ok": false, "code": "606"}`."""
    if b'"ok"' not in response.body[:200]:
        return None
    try:
        content = json.loads(response.body)
    except ValueError:
        return None
    verdicts = {
        "606": Verdict.THROTTLED,
        "602": Verdict.REFRESH,
        "607": Verdict.QUOTA,
        "604": Verdict.RETRY,
    }
    code = str(content["code"])
    return VendorError(verdicts.get(code, Verdict.FATAL), content.get("message", ""), code)


class Api:
    """The shop's client: one token, renewed at `/token`."""

    def __init__(self, connection: Connection, time: FakeTime) -> None:
        options: ShopOptions = connection.options
        self._token = connection.secrets["key"]
        self.http = HttpClient(
            options.base_url,
            auth=lambda: {"Authorization": f"Bearer {self._token}"},
            refresh=self._renew,
            read_error=read_error,
            limiter=Limiter(monotonic=time.monotonic, sleep=time.sleep),
            retries=Retries(tries=options.tries, throttled_tries=options.tries),
            caps=Caps(
                total_seconds=options.total_seconds,
                read_seconds=options.read_seconds,
                body_bytes=options.body_bytes,
            ),
            secrets=tuple(connection.secrets.values()),
            sleep=time.sleep,
            now=connection.now,
        )

    def _renew(self) -> None:
        answer = self.http.post("/token", authenticated=False)
        self._token = json.loads(answer.body)["token"]

    def close(self) -> None:
        """Close connections."""
        self.http.close()


def pull_items(pull: Pull) -> None:
    """What changed since the last window, and what was deleted."""
    api: Api = pull.client
    last = pull.cursor.get("until")
    since = START if last is None else datetime.fromisoformat(last) - LOOK_BACK
    until = closed_end(pull.now, LAG, api.http.server_now())
    window = {"since": _text(since), "until": _text(until)}

    def fetch(cursor: str | None) -> Page:
        params = window if cursor is None else {**window, "cursor": cursor}
        return api.http.read(Page, "/items", params=params, on_reject=pull.reject)

    landed, promised = 0, 0
    for page in follow(fetch, lambda page: page.next, lambda page: len(page.items)):
        pull.write(page.items)
        landed += len(page.items)
        promised = page.total or 0
    if pull.options.reads_total:
        reconcile("items", promised, landed)
    for gone in api.http.read(GonePage, "/deleted").items:
        pull.delete((gone.id,), gone.at, "deleted")
    if pull.options.reads_ids:
        pull.complete_ids((key,) for key in api.http.read(Keys, "/ids").items)
    pull.finish({"until": until.isoformat()})


def pull_people(pull: Pull) -> None:
    """All people, every time."""
    page = pull.client.http.read(Page, "/people")
    pull.write(page.items)
    pull.finish({})


ITEMS = Stream(
    "items",
    "Things on sale.",
    ("id",),
    (
        Column("id", "VARCHAR", "/id"),
        Column("updated", "TIMESTAMP", "/updated"),
        Column("name", "VARCHAR", "/name"),
    ),
    pull_items,
    updated="updated",
)
PEOPLE = Stream(
    "people",
    "Who sells them.",
    ("id",),
    (Column("id", "BIGINT", "/id"), Column("name", "VARCHAR", "/name")),
    pull_people,
)


def source(time: FakeTime, *streams: Stream) -> Source:
    """The shop as a source; its sleeps are fake."""
    return Source(
        name="shop",
        title="A shop",
        area="tests",
        secrets={"key": "SHOP_KEY"},
        options=ShopOptions,
        connect=lambda connection: Api(connection, time),
        check=lambda _: (),
        streams=lambda _: streams or (ITEMS, PEOPLE),
        offers=lambda _: (),
    )


@dataclass
class Night:
    """What one night did: loads and failures by stream, and the sleeps that were asked for."""

    loaded: dict[str, Loaded]
    failed: dict[str, BaseException]
    slept: list[float]


def night(
    home: Path,
    url: str,
    now: datetime = NIGHT,
    *,
    crash_point: Callable[[str], None] = lambda _: None,
    streams: Iterable[Stream] = (),
    patient: bool = False,
    **options: Any,
) -> Night:
    """Pull the shop into landing files and load them, as a run does."""
    time = FakeTime(patient)
    shop = source(time, *streams)
    with _warehouse(home) as connection:
        rows = connection.execute("SELECT stream, cursor FROM ops.cursors").fetchall()
    job = SourceJob(
        name="shop",
        source=shop,
        options=ShopOptions(base_url=url, **options),
        secrets={"key": SECRET},
        cursors={stream: json.loads(cursor) for stream, cursor in rows},
    )
    results = pull_sources([job], home / "landing", lambda: now, threads=3, crash_point=crash_point)
    loaded: dict[str, Loaded] = {}
    failed: dict[str, BaseException] = {}
    by_name = {stream.name: stream for stream in shop.streams(job.options)}
    with _warehouse(home) as connection:
        ensure_raw_tables(connection, "shop", list(by_name.values()))
        for (_, name), result in results.items():
            if isinstance(result, Failed):
                failed[name] = result.error
                continue
            loaded[name] = load_stream(
                connection, "shop", by_name[name], result, "run", now, crash_point=crash_point
            )
    return Night(loaded, failed, time.slept)


class _warehouse:  # noqa: N801
    """The home's warehouse, open for writing under the lock."""

    def __init__(self, home: Path) -> None:
        self._lock = writer_lock(home / "warehouse.duckdb", holder="a test's night")
        self._path = home / "warehouse.duckdb"

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        self._lock.__enter__()
        self._connection = open_warehouse(self._path)
        ensure_schema(self._connection)
        return self._connection

    def __exit__(self, *error: Any) -> None:
        self._connection.close()
        self._lock.__exit__(*error)


def tables(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """The final tables, row for row, without when and by which load each row came."""
    with _warehouse(home) as connection:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw'"
        ).fetchall()
        found = {
            name: connection.execute(
                f"SELECT * EXCLUDE (_load_id) {_without(name)} FROM raw.{name} ORDER BY ALL"
            ).fetchall()
            for (name,) in names
        }
        found["cursors"] = connection.execute(
            "SELECT source, stream, cursor FROM ops.cursors ORDER BY ALL"
        ).fetchall()
        return found


def _without(name: str) -> str:
    return "" if name.endswith("__tombstones") else "REPLACE (NULL AS _extracted_at)"


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
