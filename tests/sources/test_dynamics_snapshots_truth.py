"""Dynamics' audits tell how every opportunity stood at the end of every day.

Dataverse shows whole seconds. What was deleted before the first pull is gone without a trace.
"""

from __future__ import annotations

import pytest
from dynamics_warehouse import Warehouse, served
from snapshot_rows import SEEDS, Row, as_offered, as_true

from revops_pipelines.sandbox.dynamics import ids
from revops_pipelines.sandbox.world.truth_snapshots import deal_day_rows
from revops_pipelines.sandbox.world.world import World, build_world

STREAMS = (
    "systemusers",
    "organizations",
    "transactioncurrencies",
    "opportunities",
    "opportunitycloses",
    "audits",
)


def stage_of(row: Row) -> tuple[str, str]:
    """Dynamics has no closed stages; ours are `won` and `lost`."""
    if row["is_closed"]:
        return str(ids.pipeline_value(row["pipeline"])), "won" if row["is_won"] else "lost"
    stage = ids.stage_value(row["pipeline"], row["stage"])
    return str(ids.pipeline_value(row["pipeline"])), stage


@pytest.mark.parametrize("seed", SEEDS)
def test_every_deal_at_the_end_of_every_day(
    seed: int, small_world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = seed == small_world.seed
    world = small_world if shared else build_world(seed, small_world.anchor, 0.04)
    house = Warehouse(tmp_path_factory.mktemp("dynamics"))
    with served(world) as dynamics:
        house.pull_all(dynamics, STREAMS)
        truth = deal_day_rows(world, dynamics.clock.now())
    offered = house.offered("opportunity_snapshots")
    house.connection.close()
    there = [row for row in truth if row["deleted_at"] is None]
    assert len(there) > 100
    assert len(offered) == len(there)
    assert as_offered(offered) == as_true(
        there,
        lambda deal: f"dynamics:{ids.opportunity_id(deal)}",
        stage_of,
        lambda owner: f"dynamics:{ids.user_id(owner)}",
        lambda moment: moment,
    )
