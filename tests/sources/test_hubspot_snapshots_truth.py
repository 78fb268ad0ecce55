"""HubSpot's histories of properties tell how every deal stood at the end of every day."""

from __future__ import annotations

import pytest
from hubspot_warehouse import Warehouse
from snapshot_rows import SEEDS, as_offered, as_true

from revops_pipelines.resources.sources.hubspot.options import HubSpotOptions
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import running
from revops_pipelines.sandbox.world.truth_snapshots import deal_day_rows
from revops_pipelines.sandbox.world.world import World, build_world

OPTIONS = HubSpotOptions(requests_per_10_seconds=100_000, search_requests_per_second=10_000)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_deal_at_the_end_of_every_day(
    seed: int, small_world: World, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shared = seed == small_world.seed
    world = small_world if shared else build_world(seed, small_world.anchor, 0.04)
    house = Warehouse(tmp_path_factory.mktemp("hubspot"), OPTIONS)
    with running(
        world=world, anchor=world.anchor, systems=("hubspot",), options=Options(limits=False)
    ) as sandbox:
        house.pull_all(sandbox, ("account", "pipelines", "deals"))
        truth = deal_day_rows(world, sandbox.clock.now())
    offered = house.offered("opportunity_snapshots")
    house.connection.close()
    assert len(truth) > 100
    assert len(offered) == len(truth)
    assert as_offered(offered) == as_true(
        truth,
        lambda deal: f"hubspot:{deal}",
        lambda row: (row["pipeline"], row["stage"]),
        lambda owner: f"hubspot:{owner}",
        lambda moment: moment,
    )
