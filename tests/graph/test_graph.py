"""The code location as Dagster sees it, loaded in a fresh interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

KEYS = Path(__file__).with_name("asset_keys.txt")

# Any connection attempt while the module is imported is an error.
LOAD = """
import json, socket, sys
def refuse(*_):
    raise OSError("the code location reached for the network")
socket.socket.connect = refuse
from revops_pipelines.definitions import defs
graph = defs.resolve_asset_graph()
print(json.dumps({
    "assets": sorted(key.to_user_string() for key in graph.get_all_asset_keys()),
    "jobs": {name: sorted(defs.resolve_job_def(name).graph.node_dict) for name in
             ("nightly", "pulse", "judge")},
    "sensors": sorted(sensor.name for sensor in defs.sensors),
    "schedules": {s.name: [s.cron_schedule, s.execution_timezone] for s in defs.schedules},
    "checks": len(list(graph.asset_check_keys)),
}))
"""


@pytest.fixture(scope="module")
def location(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:revops_pipelines", "-c", LOAD],
        capture_output=True,
        text=True,
        check=False,
        cwd=home,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "REVOPS_HOME": str(home / "state")},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == "", "loading prints nothing"
    assert not (home / "state").exists(), "loading writes nothing"
    return json.loads(done.stdout)


def test_the_assets_are_these(location):
    """A changed key is a changed interface: people select, alert and link by it."""
    assert location["assets"] == KEYS.read_text(encoding="utf-8").split()


def test_pulse_is_a_small_part_of_the_night(location):
    pulse, nightly = set(location["jobs"]["pulse"]), set(location["jobs"]["nightly"])
    assert pulse < nightly
    assert {"metrics__speed_to_lead", "alerts__lead_response_sla", "alerts__delivery"} <= pulse
    assert not any(step.startswith("metrics__mrr") for step in pulse)


def test_schedules_run_in_utc(location):
    assert location["schedules"] == {
        "nightly": ["30 2 * * *", "UTC"],
        "pulse": ["*/5 * * * *", "UTC"],
    }


def test_sensors(location):
    assert location["sensors"] == [
        "alert_delivery",
        "churn_threshold",
        "lead_response_sla",
        "rebuild_after_source_failure",
        "run_failure",
        "source_freshness",
        "unjudged_rules",
    ]


def test_every_conformed_asset_has_its_checks(location):
    conformed = [key for key in location["assets"] if key.startswith("conformed/")]
    assert location["checks"] >= 2 * len(conformed)
