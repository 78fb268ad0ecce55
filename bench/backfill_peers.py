"""The same lists by dlt's REST source: what a company would write with it.

Belongs here: which lists those are, taken from the requests that our connector made, and dlt's
configuration for each vendor. Does not: starting it (`backfill_suite.py`), or the Singer tap
(`singer.py`).

Only whole lists are compared: a list is asked once, from its first page to its last, without the
windows that we cut it into. What we ask besides (archived records, properties, lists inside
records, counts, associations that a list cuts off) the peers do not, so they have less to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bench.cost import measured


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a vendor pages: which paths are whole lists, and which parameters are ours alone."""

    lists: str
    cursor: str
    next_token: str
    windows: tuple[str, ...] = ()


DIALECTS: Mapping[str, Dialect] = {
    "hubspot": Dialect(r"^/crm/objects/[^/]+/(?P<name>[^/]+)$", "after", "paging.next.after"),
    "stripe": Dialect(
        r"^/v1/(?P<name>[a-z_]+)$",
        "starting_after",
        "",
        ("created[gte]", "created[lt]", "starting_after"),
    ),
    "chargebee": Dialect(r"^/api/v2/(?P<name>[a-z_]+)$", "offset", "next_offset"),
}


@dataclass(frozen=True, slots=True)
class List:
    """A list: its name, path and parameters."""

    name: str
    path: str
    params: tuple[tuple[str, str], ...]


def lists(vendor: str, requests: Iterable[Iterable[str]]) -> list[List]:
    """The lists among our requests, one of each path: the first that was asked.

    >>> [each.name for each in lists("chargebee", [("GET", "http://x/api/v2/items?limit=100")])]
    ['items']
    """
    dialect = DIALECTS[vendor]
    found: dict[str, List] = {}
    for method, url in requests:
        parts = urlsplit(url)
        match = re.search(dialect.lists, parts.path)
        query = parse_qsl(parts.query)
        skipped = ("archived", "true") in query or ("limit", "1") in query
        if method != "GET" or match is None or skipped or match["name"] in found:
            continue
        own = (dialect.cursor, *dialect.windows)
        params = tuple((name, value) for name, value in query if name not in own)
        found[match["name"]] = List(match["name"], parts.path, params)
    return list(found.values())


def dlt(
    handle: Mapping[str, Any], folder: str, vendor: str, requests: list[list[str]]
) -> dict[str, Any]:
    """The lists by dlt's REST API source into DuckDB, appended, each list on a thread of its own.

    No tables for nested lists and Parquet between the steps: its lightest way.
    """
    import dlt as library
    from dlt.sources.rest_api import rest_api_source

    wanted = lists(vendor, requests)
    configuration: Any = {
        "client": {
            "base_url": handle["urls"][vendor],
            "auth": _auth(vendor, handle["keys"][vendor]),
        },
        "resources": [
            {
                "name": each.name,
                "write_disposition": "append",
                "parallelized": True,
                "endpoint": {
                    "path": each.path.removeprefix("/"),
                    "params": _params(each),
                    "data_selector": _selector(vendor, each),
                    "paginator": _paginator(vendor),
                },
            }
            for each in wanted
        ],
    }
    with measured() as cost:
        database = Path(folder) / "dlt.duckdb"
        pipeline = library.pipeline(
            pipeline_name="bench",
            pipelines_dir=str(Path(folder) / "pipelines"),
            destination=library.destinations.duckdb(str(database)),
            dataset_name="raw",
        )
        source = rest_api_source(configuration, max_table_nesting=0)
        pipeline.run(source, loader_file_format="parquet")
    return {**asdict(cost), "lists": len(wanted), "records": rows_in(database, "raw")}


def _params(each: List) -> dict[str, Any]:
    """Parameters by name; one that comes several times is a list."""
    params: dict[str, Any] = {}
    for name, value in each.params:
        if name in params:
            held = params[name]
            params[name] = [*(held if isinstance(held, list) else [held]), value]
        else:
            params[name] = value
    return params


def _auth(vendor: str, keys: Mapping[str, str]) -> dict[str, str]:
    if vendor == "hubspot":
        return {"type": "bearer", "token": keys["access_token"]}
    if vendor == "stripe":
        return {"type": "bearer", "token": keys["api_key"]}
    return {"type": "http_basic", "username": keys["api_key"], "password": ""}


def _selector(vendor: str, each: List) -> str:
    if vendor == "chargebee":
        # Rows are wrapped under their noun, the singular of the list's name.
        return "list"
    return "results" if vendor == "hubspot" else "data"


def _paginator(vendor: str) -> Any:
    dialect = DIALECTS[vendor]
    if dialect.next_token:
        return {
            "type": "cursor",
            "cursor_path": dialect.next_token,
            "cursor_param": dialect.cursor,
        }
    return _stripe_paginator()


def _stripe_paginator() -> Any:
    """Stripe names the last record of a page as its cursor; dlt has no paginator for that."""
    from dlt.sources.helpers.rest_client.paginators import BasePaginator

    class LastRecord(BasePaginator):
        def __init__(self) -> None:
            super().__init__()
            self.last = ""

        def update_state(self, response: Any, data: list[Any] | None = None) -> None:
            self._has_next_page = bool(response.json().get("has_more") and data)
            self.last = str(data[-1]["id"]) if data else ""

        def update_request(self, request: Any) -> None:
            request.params = {**(request.params or {}), "starting_after": self.last}

    return LastRecord()


def rows_in(database: Path, schema: str) -> int:
    """Records in a schema's tables, the tools' own left out."""
    import duckdb

    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ? "
            "AND table_name NOT LIKE '\\_%' ESCAPE '\\'",
            [schema],
        ).fetchall()
        counts = [
            connection.execute(f'SELECT count(*) FROM "{schema}"."{name}"').fetchone()
            for (name,) in names
        ]
    return sum(int(row[0]) for row in counts if row)
