"""What a plug-in's own test relies on: errors come out, rows are judged by their contract."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from revops_pipelines.engine.conform.stage import OfferError
from revops_pipelines.engine.declarations import (
    Column,
    Connection,
    Offer,
    Pull,
    Source,
    SourceOptions,
    Stream,
)
from revops_pipelines.engine.ingest.errors import PermissionMissingError
from revops_pipelines.engine.ingest.http import HttpClient
from revops_pipelines.engine.rehearsal import Asked, Rehearsal, served

NIGHT = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)


class Options(SourceOptions):
    base_url: str


def connect(connection: Connection) -> HttpClient:
    return HttpClient(connection.options.base_url)


def pull(pull: Pull) -> None:
    pull.write([pull.client.post("/ask", json={"of": "people"}).body])
    pull.finish({})


def source(offered: str) -> Source:
    columns = (Column("id", "VARCHAR", "/id"), Column("active", "VARCHAR", "/active"))
    return Source(
        name="hr",
        title="HR",
        area="other",
        secrets={},
        options=Options,
        connect=connect,
        check=lambda _: (),
        streams=lambda _: (Stream("people", "People.", ("id",), columns, pull),),
        offers=lambda _: (Offer("users", offered, ("people",)),),
    )


ACTIVE = "SELECT id AS source_id, '@source:' || id AS user_id, active AS is_active"
PEOPLE = f"{ACTIVE} FROM raw.@source__people"


def rehearsed(home: Path, url: str, sql: str = PEOPLE) -> Rehearsal:
    return Rehearsal(source(sql), home, {"base_url": url}, {}, name="eu")


def test_rows_are_as_their_contract_has_them(tmp_path: Path) -> None:
    asked: list[Asked] = []

    def answer(request: Asked) -> tuple[int, object]:
        asked.append(request)
        return 200, {"id": "1", "active": "true"}

    with served(answer) as url, rehearsed(tmp_path, url) as tried:
        tried.night(NIGHT)
        assert tried.conformed("users", "user_id, is_active, source") == [("eu:1", True, "eu")]
    assert (asked[0].method, asked[0].path, asked[0].body) == ("POST", "/ask", '{"of": "people"}')


@pytest.mark.parametrize(
    ("active", "sql", "kind", "said"),
    [
        ("perhaps", PEOPLE, ValueError, "rows of users break their contract: .*is_active cast"),
        ("true", PEOPLE.replace("user_id", "usr_id"), OfferError, "users.usr_id.*'user_id'"),
    ],
)
def test_what_breaks_the_contract_is_named(
    tmp_path: Path, active: str, sql: str, kind: type[Exception], said: str
) -> None:
    answer = 200, {"id": "1", "active": active}
    with served(lambda _: answer) as url, rehearsed(tmp_path, url, sql) as tried:
        tried.night(NIGHT)
        with pytest.raises(kind, match=said):
            tried.conformed("users")


def test_a_stream_that_fails_fails_the_test(tmp_path: Path) -> None:
    with served(lambda _: (403, {})) as url, rehearsed(tmp_path, url) as tried:
        with pytest.raises(PermissionMissingError, match="POST /ask: HTTP 403"):
            tried.night(NIGHT)
        assert tried.rows("SELECT count(*) FROM raw.eu__people") == [(0,)]
