"""Everything once more from the raw versions.

As of now it is what the nights made; as of an earlier night, what that night said, whatever came
later.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from whole_nights import ANCHOR, run_job, simulated_settings, simulated_systems

from revops_pipelines import cli
from revops_pipelines.contracts import CONTRACTS
from revops_pipelines.engine.warehouse.open import in_utc
from revops_pipelines.rebuild import rebuild
from revops_pipelines.sandbox.frame import Options
from revops_pipelines.sandbox.server import running
from revops_pipelines.sandbox.world.world import build_world
from revops_pipelines.settings import Settings

# Two nights and two rebuilds: two minutes.
pytestmark = pytest.mark.thorough

# What says when and by which run, not what. What is told of nights is no part of a rebuild.
MOMENTS = "computed_at"
LONG_TABLE = "metrics.metric_values"


@dataclass(frozen=True)
class Nights:
    """What two nights published, and that both rebuilt; `home` has the state of the second."""

    home: Path
    first: dict[str, list[str]]
    second: dict[str, list[str]]
    first_again: dict[str, list[str]]
    second_again: dict[str, list[str]]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    settings = simulated_settings(tmp_path_factory.mktemp("rebuilt"))
    world = build_world(7, ANCHOR, 0.05)
    options = Options(limits=False, bulk_seconds=0.0)
    with running(world=world, anchor=ANCHOR, options=options) as sandbox:
        assert run_job(settings, sandbox, "nightly").success
        first, first_at = contents(settings.published_path)
        sandbox.clock.advance(timedelta(days=2, hours=3))
        assert run_job(settings, sandbox, "nightly").success
        second, second_at = contents(settings.published_path)
        systems = simulated_systems(sandbox)
        yield Nights(
            settings.home,
            first,
            second,
            rebuilt(settings, systems, first_at),
            rebuilt(settings, systems, second_at),
        )


def rebuilt(settings: Settings, systems, at: datetime) -> dict[str, list[str]]:
    path = settings.home / f"{at:%Y%m%d%H%M%S}.duckdb"
    with in_utc(duckdb.connect(str(path))) as connection:
        rebuild(connection, settings.warehouse_path, settings, systems, at)
    return contents(path)[0]


def contents(path: Path) -> tuple[dict[str, list[str]], datetime]:
    """Table -> its rows as sorted text, of all that is conformed and measured; and as of when."""
    with in_utc(duckdb.connect(str(path), read_only=True)) as connection:
        as_of = connection.execute("SELECT as_of_at FROM ops.parameters").fetchall()[0][0]
        measured = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'metrics' "
            "AND table_name NOT IN "
            "('metric_standing', 'quality_effects', 'restatements', 'data_quality')"
        ).fetchall()
        tables = [f"conformed.{entity}" for entity in (*CONTRACTS, "identity_links")]
        tables += [f"metrics.{name}" for (name,) in measured]
        return {table: rows(connection, table) for table in sorted(tables)}, as_of.replace(
            tzinfo=UTC
        )


def rows(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    told = "WHERE metric NOT LIKE 'data_quality%'" if table == LONG_TABLE else ""
    cursor = connection.execute(f"SELECT * FROM {table} {told}")
    names = [column[0] for column in cursor.description]
    kept = [place for place, name in enumerate(names) if name not in MOMENTS]
    return sorted(repr([row[place] for place in kept]) for row in cursor.fetchall())


def differing(one: dict[str, list[str]], other: dict[str, list[str]]) -> dict[str, tuple[int, int]]:
    """Table -> rows only here, rows only there."""
    assert one.keys() == other.keys()
    return {
        table: (len(set(one[table]) - set(other[table])), len(set(other[table]) - set(one[table])))
        for table in one
        if one[table] != other[table]
    }


def test_the_second_night_had_something_to_change(nights):
    changed = differing(nights.first, nights.second)
    assert {"conformed.leads", "conformed.opportunities", "metrics.mrr"} <= changed.keys()


def test_a_full_rebuild_is_what_the_nights_made(nights):
    assert differing(nights.second, nights.second_again) == {}


def test_d8_as_of_the_first_night_is_what_it_said(nights):
    assert differing(nights.first, nights.first_again) == {}


def test_the_command_shows_what_was_known_then(nights, monkeypatch, capsys):
    """June was open on the anchor day and is closed two days later; `--keep` keeps the file."""
    for name in [name for name in os.environ if name.startswith("REVOPS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REVOPS_HOME", str(nights.home))
    monkeypatch.chdir(nights.home)
    kept = nights.home / "kept.duckdb"
    arguments = ["mrr", "--as-of", "2026-06-29", "--periods", "2", "--json", "--keep", str(kept)]
    monkeypatch.setattr(sys, "argv", ["revops", "metrics", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    told = json.loads(capsys.readouterr().out)
    assert told["as_of"].startswith("2026-06-30 00:00")
    june, may = told["values"]
    assert (june["period_start_on"], june["is_mature"]) == ("2026-06-01", False)
    assert (may["period_start_on"], may["is_mature"]) == ("2026-05-01", True)
    assert (may["value"], may["is_restated"]) == (may["now"], False)
    with in_utc(duckdb.connect(str(kept), read_only=True)) as connection:
        assert connection.execute("SELECT max(as_of_at) FROM ops.parameters").fetchall()
        assert connection.execute(
            "SELECT count(*) FROM conformed.subscription_periods"
        ).fetchall() > [(0,)]


def test_a_day_to_come_is_refused(nights, monkeypatch, capsys):
    monkeypatch.setenv("REVOPS_HOME", str(nights.home))
    monkeypatch.chdir(nights.home)
    monkeypatch.setattr(sys, "argv", ["revops", "metrics", "--as-of", "2026-08-01"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "--as-of 2026-08-01 lies after what is published" in capsys.readouterr().err
