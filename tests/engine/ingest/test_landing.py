"""Landing files: one record a line whatever was sent, private, swept after a crash."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revops_pipelines.engine.ingest import landing
from revops_pipelines.engine.ingest.landing import LandingWriter

NOW = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
records = st.lists(st.dictionaries(st.text(max_size=6), json_values, max_size=4), max_size=6)


def writer(root: Path) -> LandingWriter:
    return LandingWriter(root, "shop", "items", NOW)


@settings(deadline=None, max_examples=40)
@given(sent=records, indents=st.lists(st.sampled_from([None, 0, 2]), min_size=6, max_size=6))
def test_what_is_sent_is_what_duckdb_reads(
    tmp_path_factory: pytest.TempPathFactory,
    sent: list[dict[str, object]],
    indents: list[int | None],
) -> None:
    writing = writer(tmp_path_factory.mktemp("landing"))
    encoded = [
        json.dumps(record, indent=indent, ensure_ascii=False).encode("utf-8", "surrogatepass")
        for record, indent in zip(sent, indents, strict=False)
    ]
    writing.write(encoded)
    landed = writing.finalise({})
    if not landed.files:
        assert sent == []
        return
    with duckdb.connect() as connection:
        read = connection.execute(
            f"SELECT json FROM read_ndjson_objects('{landed.files[0]}')"
        ).fetchall()
    assert [json.loads(text) for (text,) in read] == sent
    landed.discard()


def test_raw_slices_are_landed_as_they_are(tmp_path: Path) -> None:
    raws = msgspec.json.decode(b'[{"a":  1.50}, {"b": 1e2}]', type=list[msgspec.Raw])
    writing = writer(tmp_path)
    writing.write(raws)
    (data,) = writing.finalise({}).files
    assert data.read_bytes() == b'{"a":  1.50}\n{"b": 1e2}\n'


@pytest.mark.parametrize("record", [b"", b"\n", b'{"a":\n', b'{"a":\n"\\ud800"}'])
def test_a_record_that_is_no_line_is_rejected(tmp_path: Path, record: bytes) -> None:
    writing = writer(tmp_path)
    writing.write([b'{"a":1}', record, b'{"b":2}'])
    landed = writing.finalise({})
    assert (landed.rows, landed.rejects) == (2, 1)
    assert landed.files[0].read_bytes() == b'{"a":1}\n{"b":2}\n'


def test_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "FILE_BYTES", 20)
    writing = writer(tmp_path)
    for number in range(5):
        writing.write([b'{"id":%d}' % number])
    files = writing.finalise({}).files
    assert len(files) == 3
    assert b"".join(file.read_bytes() for file in files).count(b"\n") == 5


def test_folders_of_dead_processes_are_swept_and_others_are_not(tmp_path: Path) -> None:
    mine = writer(tmp_path)
    mine.write([b"{}"])
    kept = mine.finalise({}).folder
    # Process numbers end at 2**22; this one cannot be alive.
    dead = kept.with_name("20260302T023000-99999999-1")
    dead.mkdir()
    (dead / "data-0001.ndjson").write_bytes(b"{}\n")
    writer(tmp_path).abandon()
    assert kept.exists()
    assert not dead.exists()


def test_abandoning_leaves_nothing(tmp_path: Path) -> None:
    writing = writer(tmp_path)
    writing.write([b"{}"])
    writing.delete(["1"], None, "gone")
    writing.abandon()
    assert not writing.folder.exists()
