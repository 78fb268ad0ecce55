"""Streams that run at once: isolation, sharing, helpers, stopping, what is landed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from revops_pipelines.engine.declarations import Column, Pull, Source, SourceOptions, Stream
from revops_pipelines.engine.ingest.errors import CursorExpiredError, NetworkError, ProtocolError
from revops_pipelines.engine.ingest.pull import Failed, Landed, SourceJob, pull_sources
from revops_pipelines.engine.ingest.stopping import StoppedError, sleep

NOW = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
SECRET = "canary-55aa01"


def stream(name: str, pull: Callable[[Pull], None]) -> Stream:
    return Stream(name, name, ("id",), (Column("id", "VARCHAR", "/id"),), pull)


def job(*streams: Stream, name: str = "shop", **options: Any) -> SourceJob:
    chosen = options.pop("streams", ())
    connect = options.pop("connect", lambda connection: connection.secrets)
    source = Source(
        name=name,
        title=name,
        area="tests",
        secrets={"key": "KEY"},
        options=SourceOptions,
        connect=connect,
        check=lambda _: (),
        streams=lambda _: streams,
        offers=lambda _: (),
    )
    return SourceJob(name, source, SourceOptions(), {"key": SECRET}, chosen, **options)


def pull(landing: Path, *jobs: SourceJob, **options: Any) -> dict[tuple[str, str], Any]:
    return pull_sources(jobs, landing, lambda: NOW, **options)


def lands(*records: bytes, cursor: Any = None) -> Callable[[Pull], None]:
    def work(pull: Pull) -> None:
        pull.write(records)
        pull.finish(cursor or {})

    return work


def fails(error: BaseException) -> Callable[[Pull], None]:
    def work(pull: Pull) -> None:
        pull.write([b'{"id": 1}'])
        raise error

    return work


def test_what_is_landed(tmp_path: Path) -> None:
    def work(pull: Pull) -> None:
        pull.write([b'{"id": 1}', b'{"id":\n 2}'])
        pull.write(iter([b'{"id": 3}']))
        pull.write([])
        pull.delete(["9"], NOW, "gone")
        pull.complete_ids([["1"], ["2"]])
        pull.complete_ids([["3"]])
        pull.reject(b"\xff", "bad")
        pull.finish({"until": "x", "before": pull.cursor})

    cursors = {"items": {"until": "w"}}
    landed = pull(tmp_path, job(stream("items", work), cursors=cursors))["shop", "items"]
    assert isinstance(landed, Landed)
    counts = (landed.rows, landed.deletes, landed.ids, landed.rejects, landed.is_complete)
    assert counts == (3, 1, 3, 1, True)
    assert landed.cursor == {"until": "x", "before": {"until": "w"}}
    (data,) = landed.files
    assert data.read_bytes() == b'{"id": 1}\n{"id":2}\n{"id": 3}\n'
    manifest = json.loads((landed.folder / "manifest.json").read_text())
    assert manifest["rows"] == 3
    assert manifest["cursor"] == landed.cursor
    assert json.loads((landed.folder / "rejects.ndjson").read_text())["rule"] == "bad"
    landed.discard()
    assert not landed.folder.exists()


def test_a_stream_or_source_that_fails_leaves_the_others(tmp_path: Path) -> None:
    def unreachable(connection: Any) -> None:
        raise NetworkError(f"no connection with {connection.secrets['key']}")

    results = pull(
        tmp_path,
        job(stream("good", lands(b"{}")), stream("bad", fails(KeyError(f"a bug {SECRET}")))),
        job(stream("one", lands()), stream("two", lands()), name="down", connect=unreachable),
        job(stream("far", lands(b"{}")), name="third"),
    )
    failed = {key: result for key, result in results.items() if isinstance(result, Failed)}
    assert set(failed) == {("shop", "bad"), ("down", "one"), ("down", "two")}
    assert all(SECRET not in repr(result) for result in failed.values())
    assert results["shop", "good"].rows == 1
    assert results["third", "far"].rows == 1
    # Nothing of the failed stream stays behind.
    assert list((tmp_path / "shop" / "bad").iterdir()) == []


def test_only_the_wanted_streams_are_pulled(tmp_path: Path) -> None:
    both = (stream("one", lands()), stream("two", lands()))
    assert set(pull(tmp_path, job(*both, streams=("two",)))) == {("shop", "two")}
    (failed,) = pull(tmp_path, job(*both, streams=("three",))).values()
    assert "no stream three" in str(failed.error)


@pytest.mark.parametrize(
    "work", [lambda pull: None, lambda pull: (pull.finish({}), pull.finish({}))]
)
def test_a_pull_must_finish_once(tmp_path: Path, work: Callable[[Pull], None]) -> None:
    (failed,) = pull(tmp_path, job(stream("items", work))).values()
    assert isinstance(failed.error, ProtocolError)


def test_streams_read_what_earlier_ones_share(tmp_path: Path) -> None:
    got: dict[str, Any] = {}
    late = threading.Event()

    def first(pull: Pull) -> None:
        late.wait(5)
        pull.share("ids", [1, 2])
        pull.finish({})

    def second(pull: Pull) -> None:
        late.set()
        got["ids"] = pull.fetched["ids"]
        # Nobody before this stream is left who could share it.
        got["other"] = pull.fetched.get("other", "missing")
        pull.finish({})

    results = pull(tmp_path, job(stream("first", first), stream("second", second)))
    assert not [result for result in results.values() if isinstance(result, Failed)]
    assert got == {"ids": [1, 2], "other": "missing"}
    pull(tmp_path, job(stream("first", first), stream("second", second), streams=("first",)))


def test_a_stream_does_not_wait_for_a_failed_one(tmp_path: Path) -> None:
    def second(pull: Pull) -> None:
        pull.fetched["ids"]
        pull.finish({})

    failing = stream("first", fails(NetworkError("down")))
    results = pull(tmp_path, job(failing, stream("second", second)))
    assert isinstance(results["shop", "second"].error, KeyError)


def test_each_works_on_several_threads_also_nested(tmp_path: Path) -> None:
    together = threading.Barrier(3)
    threads: set[str] = set()

    def outer(pull: Pull) -> None:
        def inner(item: int) -> None:
            pull.write([b'{"id": %d}' % item])

        def work(item: int) -> None:
            threads.add(threading.current_thread().name)
            together.wait(10)
            pull.each(inner, range(item * 10, item * 10 + 10))

        pull.each(work, range(3))
        pull.finish({})

    landed = pull(tmp_path, job(stream("items", outer)), threads=3)["shop", "items"]
    assert landed.rows == 30
    assert len(threads) == 3
    lines = landed.files[0].read_bytes().splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == list(range(30))


def test_the_first_error_in_each_stops_the_stream(tmp_path: Path) -> None:
    done: list[int] = []

    def outer(pull: Pull) -> None:
        def work(item: int) -> None:
            if item == 5:
                raise NetworkError("item 5")
            done.append(item)

        pull.each(work, range(100_000))
        pull.finish({})

    (failed,) = pull(tmp_path, job(stream("items", outer)), threads=3).values()
    assert str(failed.error) == "item 5"
    assert len(done) < 100_000


def test_an_expired_cursor_restarts_with_fresh_files(tmp_path: Path) -> None:
    starts: list[Any] = []

    def work(pull: Pull) -> None:
        starts.append(dict(pull.cursor))
        pull.write([b'{"id": 1}'])
        if len(starts) < 3:
            raise CursorExpiredError("gone")
        pull.finish({})

    landed = pull(tmp_path, job(stream("items", work), cursors={"items": {"c": 1}}))
    assert landed["shop", "items"].rows == 1
    assert starts == [{"c": 1}, {"c": 1}, {}]


def test_stopping_ends_waits_and_leaves_nothing(tmp_path: Path) -> None:
    stop = threading.Event()

    def waits(pull: Pull) -> None:
        pull.write([b"{}"])
        stop.set()
        sleep(3600)

    def works(pull: Pull) -> None:
        pull.each(lambda _: sleep(3600), range(10))

    def looks(pull: Pull) -> None:
        pull.fetched["never"]

    streams = (stream("waits", waits), stream("works", works), stream("looks", looks))
    results = pull(tmp_path, job(*streams), stop=stop, threads=2)
    assert {type(result.error) for result in results.values()} == {StoppedError}
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


class Sink:
    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def started(self, *told: Any) -> None:
        self.told.append(("started", *told))

    def advanced(self, *told: Any) -> None:
        self.told.append(("advanced", *told))

    def finished(self, *told: Any) -> None:
        self.told.append(("finished", *told))


def test_progress_is_told(tmp_path: Path) -> None:
    def work(pull: Pull) -> None:
        pull.progress(0, 3)
        pull.write([b"{}", b"{}"])
        pull.write([b"{}"])
        pull.finish({})

    sink = Sink()
    pull(tmp_path, job(stream("items", work)), progress=sink)
    pull(tmp_path, job(stream("items", fails(NetworkError("down")))), progress=sink)
    place = ("shop", "items")
    assert sink.told == [
        ("started", *place),
        ("advanced", *place, 0, 3),
        ("advanced", *place, 2, 3),
        ("advanced", *place, 3, 3),
        ("finished", *place, 3, None),
        ("started", *place),
        ("advanced", *place, 1, None),
        ("finished", *place, 0, "down"),
    ]


def test_the_client_is_closed_and_secrets_do_not_show(tmp_path: Path) -> None:
    closed: list[bool] = []

    class Client:
        def close(self) -> None:
            closed.append(True)

    one = job(stream("items", fails(NetworkError("x"))), connect=lambda _: Client())
    assert SECRET not in repr(one)
    pull(tmp_path, one)
    assert closed == [True]
