"""A raw step as Dagster runs it: what it shows of drift, counts and calls, and how it stops."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from revops_pipelines.assets.raw import raw_assets, raw_key
from revops_pipelines.engine.declarations import Column, Pull, Source, SourceOptions, Stream
from revops_pipelines.engine.ingest.errors import QuotaExhaustedError
from revops_pipelines.engine.ingest.metering import Allowance, current_meter
from revops_pipelines.resources.puller import puller_resource
from revops_pipelines.resources.systems import System, Systems
from revops_pipelines.resources.warehouse import WarehouseResource

NOW = datetime(2026, 3, 2, 2, 30, tzinfo=UTC)
KEY = raw_key("eu", "deals")


class _Clock:
    """A night passes with every look at it."""

    def __init__(self) -> None:
        self._now = NOW

    def now(self) -> datetime:
        self._now += timedelta(days=1)
        return self._now


class _Account:
    """A client that counts its calls, as HttpClient does."""

    def __init__(self) -> None:
        self.meter = current_meter()


class Vendor:
    """What the next pull lands, how many records it is promised, and where it stops."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.promised: int | None = None
        self.stops = False

    def pull(self, pull: Pull) -> None:
        pull.client.meter.spend()
        pull.client.meter.told(Allowance(41, 50))
        pull.write([json.dumps(record).encode() for record in self.records])
        if self.promised is not None:
            pull.promised(self.promised)
        pull.checkpoint({"page": 1})
        if self.stops:
            raise QuotaExhaustedError("the allowance is used up")
        pull.finish({"page": 2})


class Step:
    """Runs the raw step of one source named `eu`."""

    def __init__(self, home: Path, vendor: Vendor) -> None:
        columns = (Column("id", "VARCHAR", "/id"), Column("amount", "BIGINT", "/amount"))
        stream = Stream("deals", "Deals.", ("id",), columns, vendor.pull)
        source = Source(
            name="shop",
            title="A shop",
            area="CRM",
            secrets={},
            options=SourceOptions,
            connect=lambda _: _Account(),
            check=lambda _: (),
            streams=lambda _: (stream,),
            offers=lambda _: (),
        )
        system = System("eu", source, SourceOptions(), {})
        self.assets = raw_assets("eu", source, (stream,), {"eu": (stream,)})
        self.resources: Mapping[str, Any] = {
            "warehouse": WarehouseResource(database=str(home / "warehouse.duckdb")),
            "clock": _Clock(),
            "puller": puller_resource(Systems((system,), sandbox=False), home / "landing", 2),
        }

    def run(self) -> dg.ExecuteInProcessResult:
        return dg.materialize([self.assets], resources=self.resources, raise_on_error=False)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def step(tmp_path: Path, vendor: Vendor) -> Step:
    return Step(tmp_path, vendor)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str | None]]:
    return {
        found.check_name: (found.passed, found.description)
        for found in result.get_asset_check_evaluations()
    }


def test_a_quiet_load_passes_and_tells_calls(step: Step, vendor: Vendor) -> None:
    vendor.records = [{"id": str(number), "amount": number} for number in range(40)]
    vendor.promised = 40
    result = step.run()
    assert result.success
    assert checks(result) == {
        "fields": (True, "as declared"),
        "reconciliation": (True, "40 records landed, the system counts 40"),
    }
    metadata = result.asset_materializations_for_node("raw__eu")[0].metadata
    assert metadata["source_calls"].value == 1
    assert metadata["source_calls_left"].value == 41


def test_drift_and_differences_fail_their_checks_but_not_the_run(
    step: Step, vendor: Vendor
) -> None:
    vendor.records = [{"id": str(number), "amount": number} for number in range(40)]
    step.run()
    vendor.records = [{"id": "1", "amount": "many"}, {"id": "2", "amount": 2, "colour": "red"}]
    vendor.promised = 9
    result = step.run()
    assert result.success
    assert checks(result) == {
        "fields": (False, "1 of 2 values of amount do not cast; new: /colour"),
        "reconciliation": (False, "2 records landed, the system counts 9"),
    }
    vendor.records = [{"id": str(number)} for number in range(5)]
    passed, said = checks(step.run())["fields"]
    assert not passed
    assert (said or "").startswith("/amount is no longer sent")


def test_a_used_up_allowance_keeps_what_came_and_the_run_is_red(
    step: Step, vendor: Vendor, tmp_path: Path
) -> None:
    vendor.records, vendor.stops = [{"id": "1", "amount": 1}], True
    result = step.run()
    assert not result.success
    assert result.asset_materializations_for_node("raw__eu")[0].asset_key == KEY
    with step.resources["warehouse"].get_connection() as connection:
        cursor = connection.execute("SELECT cursor FROM ops.cursors").fetchone()
        rows = connection.execute("SELECT count(*) FROM raw.eu__deals").fetchone()
    assert (json.loads(cursor[0]), rows) == ({"page": 1}, (1,))
