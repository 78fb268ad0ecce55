"""Salesforce's histories tell how every opportunity stood at the end of every day.

Salesforce keeps whole seconds: moments are compared cut to the second.
"""

from __future__ import annotations

from datetime import datetime

import pytest
from salesforce_warehouse import Warehouse
from snapshot_rows import SEEDS, as_offered, as_true

from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.salesforce import ids
from revops_pipelines.sandbox.server import running
from revops_pipelines.sandbox.world.deal_paths import PIPELINES
from revops_pipelines.sandbox.world.truth_snapshots import deal_day_rows
from revops_pipelines.sandbox.world.world import World, build_world

# Otherwise what was deleted more than 15 days ago was never there for a first pull.
OPTIONS = Options(limits=False, switches=frozenset({"salesforce.keeps_deleted"}))
STAGES = {stage.id: stage.label for pipeline in PIPELINES for stage in pipeline.stages}
STREAMS = (
    "users",
    "opportunity_stages",
    "opportunities",
    "opportunity_history",
    "opportunity_field_history",
)


def second(moment: datetime | None) -> datetime | None:
    return moment.replace(microsecond=0) if moment else None


@pytest.mark.parametrize("seed", SEEDS)
def test_every_deal_at_the_end_of_every_day(
    seed: int, small_world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = seed == small_world.seed
    world = small_world if shared else build_world(seed, small_world.anchor, 0.04)
    house = Warehouse(tmp_path_factory.mktemp("salesforce"))
    with running(
        world=world, anchor=world.anchor, systems=("salesforce",), options=OPTIONS
    ) as sandbox:
        house.pull_all(sandbox, STREAMS)
        truth = deal_day_rows(world, sandbox.clock.now())
    offered = house.offered("opportunity_snapshots")
    house.connection.close()
    assert len(truth) > 100
    assert len(offered) == len(truth)
    assert as_offered(offered) == as_true(
        truth,
        lambda deal: f"salesforce:{ids.opportunity_id(deal)}",
        lambda row: (ids.record_type_id(row["pipeline"]), STAGES[row["stage"]]),
        lambda owner: f"salesforce:{ids.user_id(owner)}",
        second,
    )
