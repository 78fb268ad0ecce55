"""However the story is cut into nights, the raw tables end up the same.

The vendor's records become visible late, its clock is wrong, records change while nobody looks; the
oracle is one single night at the end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revops_pipelines.engine.declarations import Column, Pull, Source, SourceOptions, Stream
from revops_pipelines.engine.ingest.windows import pull_window
from revops_pipelines.engine.rehearsal import Rehearsal

START = datetime(2026, 3, 1, tzinfo=UTC)
LAG, LOOK_BACK = timedelta(minutes=2), timedelta(minutes=15)
LATEST = int((LAG + LOOK_BACK).total_seconds() // 60)
END = 120


@dataclass(frozen=True)
class Change:
    """A record's change at a minute of the story, visible some minutes later; None: deleted."""

    key: str
    minute: int
    delay: int
    name: str | None


class Vendor:
    """Lists the latest visible version of each record; its clock is `skew` minutes wrong."""

    def __init__(self, changes: list[Change], skew: int) -> None:
        self.changes, self.skew = changes, timedelta(minutes=skew)
        self.minute = 0

    def server_now(self) -> datetime:
        return START + timedelta(minutes=self.minute) + self.skew

    def stamp(self, change: Change) -> datetime:
        """When the vendor says that it happened."""
        return START + timedelta(minutes=change.minute) + self.skew

    def visible(self) -> list[Change]:
        """The latest visible change of each key."""
        latest: dict[str, Change] = {}
        for change in sorted(self.changes, key=lambda each: each.minute):
            if change.minute + change.delay <= self.minute:
                latest[change.key] = change
        return list(latest.values())

    def record(self, change: Change) -> bytes:
        stamp = self.stamp(change).isoformat()
        return json.dumps({"id": change.key, "at": stamp, "name": change.name}).encode()


def pull_changes(pull: Pull) -> None:
    """By windows of change times, deletes as the vendor tells them."""
    vendor: Vendor = pull.client
    last = pull.cursor.get("until")
    window = pull_window(
        datetime.fromisoformat(last) if last else None,
        START - timedelta(days=1),
        pull.now,
        lag=LAG,
        look_back=LOOK_BACK,
        server_now=vendor.server_now(),
    )
    for change in vendor.visible():
        if window.start <= vendor.stamp(change) < window.end:
            if change.name is None:
                pull.delete([change.key], vendor.stamp(change), "deleted")
            else:
                pull.write([vendor.record(change)])
    pull.finish({"until": window.end.isoformat()})


def pull_all(pull: Pull) -> None:
    """All that exists, every time."""
    vendor: Vendor = pull.client
    found = [change for change in vendor.visible() if change.name is not None]
    pull.write([vendor.record(change) for change in found])
    pull.complete_ids(())
    pull.finish({})


COLUMNS = (Column("id", "VARCHAR", "/id"), Column("at", "TIMESTAMP", "/at"))
CHANGED = Stream("changed", "By time of change.", ("id",), COLUMNS, pull_changes, updated="at")
LISTED = Stream("listed", "Read whole.", ("id",), COLUMNS, pull_all)


def told(home: Path, vendor: Vendor, nights: list[int]) -> dict[str, list[tuple[Any, ...]]]:
    """The tables after these nights and a last one."""
    source = Source(
        name="shop",
        title="A shop",
        area="other",
        secrets={},
        options=SourceOptions,
        connect=lambda _: vendor,
        check=lambda _: (),
        streams=lambda _: (CHANGED, LISTED),
        offers=lambda _: (),
    )
    with Rehearsal(source, home, {}, {}) as tried:
        for minute in [*nights, END]:
            vendor.minute = minute
            tried.night(START + timedelta(minutes=minute))
        alive = "_deleted_at IS NULL"
        return {
            "changed": tried.rows(
                "SELECT id, payload::VARCHAR, _updated_at, _deleted_at, _deleted_reason "
                "FROM raw.shop__changed ORDER BY ALL"
            ),
            "listed": tried.rows(
                f"SELECT id, payload::VARCHAR FROM raw.shop__listed WHERE {alive} ORDER BY ALL"
            ),
            "versions": tried.rows(
                "SELECT id, payload::VARCHAR, _updated_at FROM raw.shop__changed__versions"
            ),
        }


changes = st.lists(
    st.builds(
        Change,
        key=st.sampled_from("abcd"),
        minute=st.integers(0, 60),
        delay=st.sampled_from([0, 1, LATEST - 1, LATEST]),
        name=st.sampled_from(["x", "y", None]),
    ),
    max_size=14,
    # Two changes of one instant have no order, whoever looks.
    unique_by=lambda change: (change.key, change.minute),
)
nights = st.lists(st.integers(1, 90), min_size=2, max_size=6, unique=True).map(sorted)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=changes, nights=nights, skew=st.integers(-10, 10))
def test_h16_d5_any_split_into_nights_gives_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, changes: list[Change], nights: list[int], skew: int
) -> None:
    # A record that was deleted and never seen alive leaves no row either way.
    home = tmp_path_factory.mktemp("nights")
    once = told(home / "once", Vendor(changes, skew), [])
    many = told(home / "many", Vendor(changes, skew), nights)
    assert many["listed"] == once["listed"]
    alive = [row for row in many["changed"] if row[3] is None]
    assert alive == [row for row in once["changed"] if row[3] is None]
    # Nothing that never was, nothing twice.
    vendor = Vendor(changes, skew)
    was = {vendor.record(change).decode() for change in changes}
    texts = [version[1] for version in many["versions"]]
    assert set(texts) <= was
    assert len(many["versions"]) == len(set(many["versions"]))
    # Who is gone is gone, with the vendor's own time.
    last = {change.key: change for change in sorted(changes, key=lambda each: each.minute)}
    for key, _, _, deleted_at, reason in many["changed"]:
        gone = last[key].name is None
        assert (deleted_at is not None) == gone
        if gone:
            assert reason == "deleted"
            assert deleted_at <= vendor.stamp(last[key]).replace(tzinfo=None)
