"""Pages decoded whole or not at all, and saved from bad records."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revops_pipelines.engine.ingest.envelope import decode
from revops_pipelines.engine.ingest.errors import ServerError
from revops_pipelines.engine.ingest.rescue import is_deeper, without_bad_records


class Page(msgspec.Struct):
    items: list[msgspec.Raw]
    next: str | None = None


def records(page: Page) -> list[bytes]:
    return [bytes(record) for record in page.items]


def test_records_are_the_bytes_that_were_sent() -> None:
    body = b'{"next": "b", "items": [{"a":  1.50}, {"b": "\\u0041"}]}'
    page = decode(body, Page)
    assert records(page) == [b'{"a":  1.50}', b'{"b": "\\u0041"}']
    assert page.next == "b"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"items": [{"a": 1}',
        b'{"items": [{"a": 1}]} trailing',
        b'{"items": "none"}',
        b'{"next": "b"}',
        b'{"items": [{"a": NaN}]}',
        b'{"items": [' + b"[" * 101 + b"]" * 101 + b"]}",
        b'{"items": [' + b"[" * 5000 + b"]" * 5000 + b"]}",
    ],
)
def test_a_page_that_is_not_whole_is_no_page(body: bytes) -> None:
    with pytest.raises(ServerError):
        decode(body, Page)


def test_a_cut_page_is_not_mended_by_leaving_its_last_record_out() -> None:
    rejected: list[bytes] = []
    with pytest.raises(ServerError):
        decode(b'{"items": [{"a": 1}, {"b": "x', Page, on_reject=lambda r, _: rejected.append(r))
    assert rejected == []


bad = st.sampled_from(
    [b'{"x": NaN}', b'{"x": "\\udfff"}', b'{"x": 01}', b'{"d": ' + b"[" * 200 + b"]" * 200 + b"}"]
)
good = st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers(), max_size=3).map(
    lambda record: json.dumps(record).encode()
)


@settings(deadline=None)
@given(records_sent=st.lists(good | bad, max_size=8), separator=st.sampled_from([b",", b" , \n"]))
def test_only_bad_records_are_left_out(records_sent: list[bytes], separator: bytes) -> None:
    body = b'{"items": [' + separator.join(records_sent) + b'], "next": "n"}'
    rejected: list[bytes] = []
    page = decode(body, Page, on_reject=lambda record, _: rejected.append(record))
    assert rejected == [record for record in records_sent if _refused(record)]
    assert records(page) == [record for record in records_sent if not _refused(record)]


def _refused(record: bytes) -> bool:
    return record in (b'{"x": NaN}', b'{"x": "\\udfff"}', b'{"x": 01}') or b"[[[[" in record


def test_a_list_at_the_top_is_a_page_too() -> None:
    saved = without_bad_records(b'[{"a": 1}, {"b": NaN}, {"c": 3}]', 100)
    assert saved is not None
    assert saved.body == b'[{"a": 1}, {"c": 3}]'


@settings(deadline=None)
@given(st.integers(0, 60), st.text(alphabet='[]{}"\\ab', max_size=30))
def test_depth_is_exact_whatever_texts_hold(depth: int, text: str) -> None:
    body = json.dumps([text] * 3).encode()
    for _ in range(depth):
        body = b'{"a": ' + body + b"}"
    assert is_deeper(body, depth)
    assert not is_deeper(body, depth + 1)
    wrapped = b'{"items": [' + body + b"]}"
    assert len(decode(wrapped, Page, depth + 3).items) == 1
    if depth > 1:
        with pytest.raises(ServerError, match="deeper"):
            decode(wrapped, Page, depth + 2)
