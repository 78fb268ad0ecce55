"""HubSpot's daily allowance: told, kept to, and gone on from where a run stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

from hubspot_warehouse import Warehouse

from revops_pipelines.engine.ingest.errors import QuotaExhaustedError
from revops_pipelines.engine.ingest.landing import Landed
from revops_pipelines.engine.ingest.pull import Failed
from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions
from revops_pipelines.sandbox.server import Sandbox

FAST = {"requests_per_10_seconds": 100_000, "search_requests_per_second": 10_000}
Open = Callable[..., AbstractContextManager[Sandbox]]
LIVING = "SELECT id, payload FROM raw.hubspot__contacts WHERE _deleted_at IS NULL ORDER BY id"


def house_at(folder: Path, **options: Any) -> Warehouse:
    return Warehouse(folder, HubSpotOptions(**FAST, **options))


def test_each_pull_knows_what_the_account_has_left(open_sandbox: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path)
    with open_sandbox(rates={"hubspot.daily": 900}) as served:
        outcome = house.pull(served, ("companies",))["companies"]
        assert isinstance(outcome, Landed)
        calls = outcome.calls
        assert calls is not None
        assert (calls.left, calls.limit) == (900 - served.requests("hubspot"), 900)


def test_a_listing_that_stopped_goes_on_where_it_was(open_sandbox: Open, tmp_path: Path) -> None:
    """A budget of seven calls a run: the backfill takes several, and reads no page twice."""
    house = house_at(tmp_path / "house", max_calls=7, history_page_records=10)
    whole = house_at(tmp_path / "whole")
    with open_sandbox() as served:
        seen: list[int] = []
        for _ in range(12):
            outcome = house.pull(served, ("contacts",))["contacts"]
            assert isinstance(outcome, Landed)
            seen.append(outcome.rows)
            if "listed_after" not in house.cursors["contacts"]:
                break
            # What happens between two runs is read by the one that ends the listing, or after it.
            served.clock.advance(timedelta(minutes=1))
        assert len(seen) > 2
        served.clock.advance(timedelta(minutes=30))
        roomy = Warehouse(tmp_path / "roomy", HubSpotOptions(**FAST))
        roomy.connection, roomy.cursors = house.connection, house.cursors
        roomy.pull_all(served, ("contacts",))
        whole.pull_all(served, ("contacts",))
    assert house.rows(LIVING) == whole.rows(LIVING)
    known = {json.loads(payload)["id"] for _, payload in house.rows(LIVING)}
    assert sum(seen) <= len(known) + 12 * len(seen)
    assert set(house.cursors["contacts"]) == {
        "until",
        "full_at",
        "archived_at",
        "archived_refused",
    }


def test_the_vendors_own_stop_keeps_what_came(open_sandbox: Open, tmp_path: Path) -> None:
    house = house_at(tmp_path, history_page_records=10)
    whole = house_at(tmp_path / "whole")
    with open_sandbox(rates={"hubspot.daily": 6}) as served:
        outcome = house.pull(served, ("contacts",))["contacts"]
        assert isinstance(outcome, Landed)
        assert isinstance(outcome.stopped, QuotaExhaustedError)
        assert outcome.rows > 0
        again = house.pull(served, ("contacts",))["contacts"]
        assert isinstance(again, Failed)
        assert isinstance(again.error, QuotaExhaustedError)
        for _ in range(20):
            served.clock.advance(timedelta(days=1))
            house.pull(served, ("contacts",))
            if "full_at" in house.cursors["contacts"]:
                break
        assert "full_at" in house.cursors["contacts"]
    with open_sandbox(clock=served.clock) as served:
        house.pull_all(served, ("contacts",))
        whole.pull_all(served, ("contacts",))
    assert house.rows(LIVING) == whole.rows(LIVING)


def test_a_place_that_is_forgotten_means_from_the_beginning(
    open_sandbox: Open, tmp_path: Path
) -> None:
    house, whole = house_at(tmp_path / "house"), house_at(tmp_path / "whole")
    house.cursors["contacts"] = {
        "listed_after": "a-token-of-last-year",
        "listed": 7,
        "listed_until": "2025-06-30T12:00:00+00:00",
    }
    with open_sandbox() as served:
        house.pull_all(served, ("contacts",))
        whole.pull_all(served, ("contacts",))
    assert house.rows(LIVING) == whole.rows(LIVING)
    assert house.cursors == whole.cursors
