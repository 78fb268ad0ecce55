"""Rows D1, D3, D4 and D14 on every source: records that differ, have no key, or are no JSON.

The vendor's own lists get records beside their own, on their way (`wire.py`). Whatever is put
aside is counted, everything else is loaded as on a quiet night.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from vendor_night import SOURCES, STEP, UNTYPED, Quiet, named, served
from wire import MANNERS, Manner, Page, bent

from revops_pipelines.sandbox.calls import Reply

# By whatever name records are known; those of other records within go with them.
_KEYS = re.compile(rb'"(id|Id|[a-z]+id|marketoGUID|[a-z]+Id)":("[^"]*"|[0-9]+)')
# Reports of days have values by position, and their rows are counted; what bulk files hold is text.
with_records = pytest.mark.parametrize(
    "name", [named(n) for n in SOURCES if not (MANNERS[n].is_daily or MANNERS[n].is_bulk)]
)


def _beside(manner: Manner, page: Page) -> Page:
    """The page with three more records like its first: another version, no key, no JSON."""
    first = bytes(page.rows[0])
    at = first.index(b"{", 1) if manner.noun else 0
    other = _with(first, at, b'"zz_other":1,')
    broken = _with(first, at, b'"zz_broken":NaN,')
    nameless = _KEYS.sub(rb'"\1":null', first)
    more = [msgspec.Raw(each) for each in (other, broken, nameless)]
    return page.with_rows([*more, *page.rows])


def _with(record: bytes, at: int, member: bytes) -> bytes:
    return record[: at + 1] + member + record[at + 1 :]


@with_records
def test_d1_d3_d4_d14_odd_records_are_put_aside_and_the_rest_is_loaded(
    name: str, quiet: Callable[[str], Quiet], tmp_path: Path
) -> None:
    oracle, manner = quiet(name), MANNERS[name]
    touched: set[str] = set()

    def beside(asked: str, page: Page) -> Reply | None:
        if "/form-integrations/" in page.key:
            # What is sent in without an identifier is given one.
            return None
        touched.add(re.sub("/[^/ ]*[0-9]{2}[^/ ]*", "", page.key))
        return _beside(manner, page).answered()

    with served(name, tmp_path, oracle.start) as vendor:
        # A field is new when it comes after the first load.
        vendor.clock.advance(STEP)
        vendor.app.faults.next(bent(manner, beside, lambda _: None), times=None)
        assert vendor.night(afresh=True) == {}
        rejecting = {stream for stream, each in vendor.loaded.items() if each.rows_rejected}
        renewed = {
            stream
            for stream, each in vendor.loaded.items()
            if any(field.path.endswith("/zz_other") for field in each.drift.new)
        }
        rules = vendor.warehouse.execute("SELECT DISTINCT rule FROM ops.quarantine").fetchall()
        # Some lists complete the records of streams that have one of their own.
        assert len(rejecting) >= len(touched) - 1
        assert set(rules) == {("no proper JSON",), ("null key",)}
        # What is kept is the last of the versions that came at once; nothing is missing or doubled.
        assert vendor.tables(UNTYPED) == oracle.columns
        # Salesforce's fields are those that it describes.
        assert renewed or name == "salesforce"
