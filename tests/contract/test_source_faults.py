"""The network's and the vendors' faults, tried on every source that the sandbox plays.

A new source is under it without a line changed here, but for how its vendor words an error
(`wire.py`). The oracle is always the same: whatever went wrong on the way, the raw tables equal
those of a quiet run once nothing fails any more, and a stream that failed has moved neither its
rows nor its cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from vendor_night import STEP, Quiet, Vendor, each_source, served
from wire import MANNERS

from revops_pipelines.engine.ingest.errors import CredentialsRefusedError
from revops_pipelines.sandbox import faults

# A fault that lasts ends with the night; then the vendor is well again.
ONCE: Mapping[str, faults.Fault] = {
    "h1_throttled": faults.answer(429, b"{}", retry_after="0"),
    "h4_server_error": faults.answer(500, b"{}"),
    "h5_html_page": faults.html(502),
    "h5_html_in_200": faults.html(200),
    "h6_short_body": faults.truncated(),
    "h6_short_json": faults.truncated(honest_length=True),
    "h8_reset": faults.reset(),
    "h17_token_expired": faults.answer(401, b"{}"),
}
LASTING: Mapping[str, faults.Fault] = {
    "h2_throttled_for_long": faults.answer(429, b"{}", retry_after="0"),
    "h4_down": faults.answer(503, b"{}", retry_after="0"),
    "h18_forbidden": faults.answer(403, b"{}"),
    "h18_refused": faults.answer(401, b"{}"),
}
# A short pause between tries is part of what is tried; hours of it are not.
MOST_CALLS = 400


@each_source
def test_h1_h4_h5_h6_h8_h17_faults_on_the_way_change_nothing(
    name: str, quiet: Callable[[str], Quiet], tmp_path: Path
) -> None:
    """Each of them once in the first load and once in the night after, a few calls apart."""
    oracle = quiet(name)
    with served(name, tmp_path) as vendor:
        _plan(vendor)
        vendor.nights_until_well()
        assert vendor.app.faults.played > len(ONCE) / 2
        vendor.app.faults.clear()
        assert vendor.tables() == oracle.first
        vendor.clock.advance(STEP)
        _plan(vendor)
        vendor.nights_until_well()
        assert vendor.tables() == oracle.second


def _plan(vendor: Vendor) -> None:
    # Every plan counts the calls that it sees; those before it in the list take theirs first.
    for place, fault in enumerate(ONCE.values()):
        vendor.app.faults.next(fault, after=2 * place)


@each_source
def test_h2_h4_h18_h19_what_lasts_fails_the_night_and_loses_nothing(
    name: str, quiet: Callable[[str], Quiet], tmp_path: Path
) -> None:
    """One after the other on the same warehouse, each for a whole night."""
    oracle = quiet(name)
    lasting = {**LASTING, "h19_error_in_200": faults.answer(200, MANNERS[name].error)}
    with served(name, tmp_path, oracle.start) as vendor:
        kept = vendor.cursors()
        vendor.clock.advance(STEP)
        for fault, plays in lasting.items():
            vendor.app.faults.next(plays, times=None)
            before = sum(vendor.app.requests.values())
            failed = vendor.night()
            vendor.app.faults.clear()
            calls = sum(vendor.app.requests.values()) - before
            # What the account does not have was empty before and stays so.
            assert set(failed) >= {stream for stream, rows in oracle.first.items() if rows}, fault
            assert calls < MOST_CALLS, fault
            if fault == "h18_refused":
                assert {type(each.error) for each in failed.values()} == {CredentialsRefusedError}
                assert calls <= 2 * len(failed)
            assert {s: c for s, c in vendor.cursors().items() if s in failed} == {
                s: c for s, c in kept.items() if s in failed
            }, fault
            assert vendor.tables() == oracle.first, fault
        assert vendor.night() == {}
        assert vendor.tables() == oracle.second
