"""Ingest: our engine, the limit of what is possible, and dlt, on the same pages of one server.

Belongs here: the three ways, each a function for a process of its own. Does not: starting them in
turns (`suites.py`).

The records are HubSpot contacts with all their properties and the history of two. Every way ends
with them in a DuckDB file that is closed; imports and the building of declarations do not count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.cost import measured

SOURCE, STREAM = "hubspot", "contacts"
_UNLIMITED = 1e9
# What a record of a list holds beside its properties.
_MEMBERS = {
    "id": "VARCHAR",
    "properties": "JSON",
    "propertiesWithHistory": "JSON",
    "createdAt": "TIMESTAMP",
    "updatedAt": "TIMESTAMP",
    "archived": "BOOLEAN",
    "archivedAt": "TIMESTAMP",
    "url": "VARCHAR",
}


def record(handle: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Pull once and note every request; the landing files stay for `limit`.

    Also fills the server's own memory, so that no measured run finds it slower than another.
    """
    from revops_pipelines.engine.ingest.transport import Transport

    asked: list[dict[str, Any]] = []
    send = Transport.send

    def noting(self: Transport, request: Any, **options: Any) -> Any:
        response = send(self, request, **options)
        body = request.body.decode() if isinstance(request.body, bytes) else request.body
        asked.append(
            {
                "method": request.method,
                "url": request.url,
                "body": body,
                "kind": request.headers.get("Content-Type"),
                "bytes": len(response.body),
            }
        )
        return response

    Transport.send = noting  # type: ignore[method-assign]
    landed = _pulled(handle, Path(folder))
    files = [str(path) for path in landed.files]
    return {
        "requests": asked,
        "files": files,
        "records": landed.rows,
        "record_bytes": sum(Path(path).stat().st_size for path in files) / max(1, landed.rows),
    }


def engine(handle: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """The HubSpot connector on our engine: fetch, land, load with versions and tombstones."""
    # DuckDB looks for pandas when it is first given a value; a run has it loaded long before.
    import pandas  # noqa: F401

    from revops_pipelines.engine.ingest.load import ensure_raw_tables, load_stream
    from revops_pipelines.engine.warehouse.open import open_warehouse
    from revops_pipelines.engine.warehouse.schema import ensure_schema

    stream = _stream(handle)
    with measured() as fetching:
        landed = _pulled(handle, Path(folder))
    with measured() as loading:
        connection = open_warehouse(Path(folder) / "warehouse.duckdb")
        ensure_schema(connection)
        ensure_raw_tables(connection, SOURCE, [stream])
        loaded = load_stream(connection, SOURCE, stream, landed, "bench", _now(handle))
        connection.close()
    return {
        "records": loaded.rows_read,
        "wall": fetching.wall + loading.wall,
        "cpu": fetching.cpu + loading.cpu,
        "fetch_cpu": fetching.cpu,
        "load_cpu": loading.cpu,
    }


def limit(handle: Mapping[str, Any], folder: str, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The floor: the same requests with `requests`, nothing parsed; DuckDB reads the same lines."""
    import duckdb
    import requests

    headers = {"Authorization": f"Bearer {handle['keys'][SOURCE]['access_token']}"}
    with measured() as fetching, requests.Session() as session:
        session.headers.update(headers)
        for asked in recorded["requests"]:
            answer = session.request(
                asked["method"],
                asked["url"],
                data=asked["body"],
                headers={"Content-Type": asked["kind"]},
            )
            assert len(answer.content) == asked["bytes"], asked["url"]
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in _MEMBERS.items())
    files = ", ".join(f"'{path}'" for path in recorded["files"])
    with measured() as loading:
        connection = duckdb.connect(str(Path(folder) / "limit.duckdb"))
        connection.execute(
            f"CREATE TABLE contacts AS SELECT * FROM read_json([{files}], "
            f"format = 'newline_delimited', columns = {{{columns}}})"
        )
        (records,) = connection.execute("SELECT count(*) FROM contacts").fetchone() or (0,)
        connection.close()
    return {
        "records": records,
        "wall": fetching.wall + loading.wall,
        "cpu": fetching.cpu + loading.cpu,
        "fetch_cpu": fetching.cpu,
        "load_cpu": loading.cpu,
    }


def dlt(
    handle: Mapping[str, Any], folder: str, recorded: Mapping[str, Any], lightest: bool
) -> dict[str, Any]:
    """dlt's REST API source into DuckDB: the same list, page size and properties.

    As documented, keyed like ours (`merge` by id), or `lightest`: appended without keys, no tables
    for nested lists, Parquet between its steps.
    """
    import dlt as library
    from dlt.sources.rest_api import rest_api_source

    path, parameters = _list_of(recorded)
    resource: dict[str, Any] = {
        "name": STREAM,
        "primary_key": "id",
        "write_disposition": "append" if lightest else "merge",
        "endpoint": {"path": path, "params": parameters, "data_selector": "results"},
    }
    client = {
        "base_url": handle["urls"][SOURCE],
        "auth": {"type": "bearer", "token": handle["keys"][SOURCE]["access_token"]},
        "paginator": {
            "type": "cursor",
            "cursor_path": "paging.next.after",
            "cursor_param": "after",
        },
    }
    with measured() as cost:
        database = Path(folder) / "dlt.duckdb"
        pipeline = library.pipeline(
            pipeline_name="bench",
            pipelines_dir=str(Path(folder) / "pipelines"),
            destination=library.destinations.duckdb(str(database)),
            dataset_name="raw",
        )
        configuration: Any = {"client": client, "resources": [resource]}
        nesting: dict[str, Any] = {"max_table_nesting": 0} if lightest else {}
        form: dict[str, Any] = {"loader_file_format": "parquet"} if lightest else {}
        pipeline.run(rest_api_source(configuration, **nesting), **form)
    return {**asdict(cost), "records": _count(database)}


def _count(database: Path) -> int:
    import duckdb

    with duckdb.connect(str(database), read_only=True) as connection:
        found = connection.execute("SELECT count(*) FROM raw.contacts").fetchone()
    return int(found[0]) if found else 0


def _list_of(recorded: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Path and parameters of the first page of the list that the connector asked for."""
    from urllib.parse import parse_qsl, urlsplit

    lists = (asked["url"] for asked in recorded["requests"] if "archived=false" in asked["url"])
    parts = urlsplit(next(lists))
    return re.sub("^/", "", parts.path), dict(parse_qsl(parts.query))


def _now(handle: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(handle["now"])


def _options(handle: Mapping[str, Any]) -> Any:
    from revops_pipelines.resources.sources.hubspot import SOURCE as HUBSPOT

    own = dict(HUBSPOT.sandbox_options(handle["urls"])) if HUBSPOT.sandbox_options else {}
    limits = {"requests_per_10_seconds": _UNLIMITED, "search_requests_per_second": _UNLIMITED}
    return HUBSPOT.options.model_validate({**own, **limits})


def _stream(handle: Mapping[str, Any]) -> Any:
    from revops_pipelines.resources.sources.hubspot import SOURCE as HUBSPOT

    return next(each for each in HUBSPOT.streams(_options(handle)) if each.name == STREAM)


def _pulled(handle: Mapping[str, Any], folder: Path) -> Any:
    from revops_pipelines.engine.ingest.pull import Failed, SourceJob, pull_sources
    from revops_pipelines.resources.sources.hubspot import SOURCE as HUBSPOT

    job = SourceJob(SOURCE, HUBSPOT, _options(handle), handle["keys"][SOURCE], (STREAM,))
    pulled = pull_sources([job], folder / "landing", lambda: _now(handle))
    landed = pulled[SOURCE, STREAM]
    if isinstance(landed, Failed):
        raise landed.error
    return landed
