"""Two accounts of one kind at once: own tables, own assets, own credentials; counted once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from revops_pipelines.definitions import build_defs
from revops_pipelines.engine.warehouse.open import open_warehouse
from revops_pipelines.installation import plugin_kinds
from revops_pipelines.resources.clock import ClockResource
from revops_pipelines.resources.systems import systems_of
from revops_pipelines.sandbox.server import Sandbox
from revops_pipelines.settings import Settings, load_settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
STRIPES = """
[sources.us]
kind = "stripe"
api_key_env = "STRIPE_KEY_US"
base_url = "{url}"
requests_per_second = 10000
endpoint_requests_per_second = 10000
schedule = "15 */6 * * *"

[sources.eu]
kind = "stripe"
api_key_env = "STRIPE_KEY_EU"
base_url = "{url}"
requests_per_second = 10000
endpoint_requests_per_second = 10000
"""
FOLDERS = """
[sources.old_crm]
kind = "files"
path = "old"

[sources.new_crm]
kind = "files"
path = "new"

[precedence.accounts]
order = ["new_crm"]
fields = { industry = ["old_crm"] }
"""


def configured(folder: Path, text: str) -> Settings:
    (folder / "revops.toml").write_text(text, encoding="utf-8")
    return load_settings({"REVOPS_HOME": str(folder / "state")}, folder, plugin_kinds())


def run(settings: Settings, *roots: str, **resources: Any) -> dg.ExecuteInProcessResult:
    """The nightly job's part that conforms these entities."""
    defs = build_defs(settings, resources=resources or None)
    settings.home.mkdir(parents=True, exist_ok=True)
    selection = dg.AssetSelection.assets(*(["conformed", name] for name in roots)).upstream()
    keys = selection.resolve(defs.resolve_asset_graph())
    with dg.DagsterInstance.ephemeral(tempdir=str(settings.home)) as instance:
        return defs.resolve_job_def("nightly").execute_in_process(
            instance=instance, raise_on_error=False, run_config=QUIET, asset_selection=[*keys]
        )


def rows(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    connection = open_warehouse(settings.warehouse_path, read_only=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def both(
    sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Settings, dg.ExecuteInProcessResult]]:
    """Two accounts with the same customers, as while one takes over from the other."""
    folder = tmp_path_factory.mktemp("both")
    settings = configured(folder, STRIPES.format(url=sandbox.urls["stripe"]))
    clock = ClockResource(sandbox_url=sandbox.urls["stripe"])
    with pytest.MonkeyPatch.context() as patched:
        for region in ("US", "EU"):
            patched.setenv(f"STRIPE_KEY_{region}", sandbox.keys["stripe"]["api_key"])
        yield settings, run(settings, "subscription_periods", clock=clock)


def test_each_account_has_assets_and_tables_of_its_own(both) -> None:
    settings, result = both
    assert result.success
    built = {
        event.asset_key.to_user_string() for event in result.get_asset_materialization_events()
    }
    assert {"raw/us/customers", "raw/eu/customers", "conformed/customers"} <= built
    counts = rows(
        settings,
        "SELECT (SELECT count(*) FROM raw.us__customers), (SELECT count(*) FROM raw.eu__customers)",
    )
    assert counts[0][0] == counts[0][1] > 0


def test_a_customer_of_both_is_counted_once_and_listed(both) -> None:
    settings, _ = both
    ((records, customers, links),) = rows(
        settings,
        "SELECT (SELECT count(*) FROM conformed.customers__records), "
        "(SELECT count(*) FROM conformed.customers), "
        "(SELECT count(*) FROM conformed.identity_links WHERE entity = 'customers')",
    )
    assert records == customers + links
    assert links > 0
    unlinked = rows(
        settings,
        "SELECT count(*) FROM conformed.customers WHERE source = 'eu' "
        "AND (domain IS NOT NULL OR email IS NOT NULL)",
    )
    assert unlinked == [(0,)]
    # Both bill: their subscriptions stay two, of one customer.
    sums = rows(
        settings,
        "SELECT source, count(*), sum(monthly_amount) FROM conformed.subscription_periods "
        "GROUP BY source ORDER BY source",
    )
    assert sums[0][1:] == sums[1][1:]
    orphans = rows(
        settings,
        "SELECT count(*) FROM conformed.subscription_periods p WHERE NOT EXISTS "
        "(SELECT 1 FROM conformed.customers c WHERE c.customer_id = p.customer_id)",
    )
    assert orphans == [(0,)]


def test_a_missing_credential_stops_its_own_account_alone(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configured(tmp_path, STRIPES.format(url=sandbox.urls["stripe"]))
    monkeypatch.setenv("STRIPE_KEY_US", sandbox.keys["stripe"]["api_key"])
    monkeypatch.delenv("STRIPE_KEY_EU", raising=False)
    clock = ClockResource(sandbox_url=sandbox.urls["stripe"])
    found = {system.name: system for system in systems_of(settings)}
    assert all(reach.ok for reach in found["us"].check(clock))
    with pytest.raises(Exception, match="STRIPE_KEY_EU is not set"):
        found["eu"].check(clock)


def test_a_source_has_a_schedule_of_its_own(tmp_path: Path) -> None:
    settings = configured(tmp_path, STRIPES.format(url="http://127.0.0.1:9"))
    defs = build_defs(settings)
    schedules = {each.name: each.cron_schedule for each in defs.schedules or ()}
    assert schedules == {"nightly": "30 2 * * *", "pulse": "*/5 * * * *", "pull_us": "15 */6 * * *"}
    job = defs.resolve_job_def("pull_us")
    assert {key.path[1] for key in job.asset_layer.selected_asset_keys} == {"us"}


def test_two_folders_are_two_sources(tmp_path: Path) -> None:
    for name, row in {
        "old": "1,Acme,acme.io,Toys",
        "new": "9,ACME Inc,www.acme.io,Games\n8,Bolt,bolt.io,",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "accounts.csv").write_text(
            f"account_id,name,domain,industry\n{row}\n", encoding="utf-8"
        )
    settings = configured(tmp_path, FOLDERS)
    assert run(settings, "accounts").success
    assert rows(
        settings, "SELECT account_id, name, industry FROM conformed.accounts ORDER BY 1"
    ) == [("new_crm:8", "Bolt", None), ("new_crm:9", "ACME Inc", "Toys")]
    links = "SELECT canonical_id, record_id, source FROM conformed.identity_links"
    assert rows(settings, links) == [("new_crm:9", "old_crm:1", "old_crm")]


def test_the_tables_are_plain_ones(both) -> None:
    settings, _ = both
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as connection:
        names = connection.execute(
            "SELECT DISTINCT split_part(table_name, '__', 1) FROM duckdb_tables() "
            "WHERE schema_name = 'raw' ORDER BY 1"
        ).fetchall()
    assert names == [("eu",), ("us",)]
