"""The sandbox as a whole: three vendors around one company and one clock, and its truth."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.server import Sandbox, running
from revops_pipelines.sandbox.truth import true_tables, write_truth
from revops_pipelines.sandbox.world.world import World

PATHS = {
    "hubspot": "/crm/objects/2026-09/contacts?limit=1",
    "marketo": "/rest/v1/activities/types.json",
    "stripe": "/v1/customers?limit=1",
}


def test_each_vendor_answers_on_its_own_port(sandbox: Sandbox) -> None:
    assert len(set(sandbox.urls.values())) == 3
    assert all(url.startswith("http://127.0.0.1:") for url in sandbox.urls.values())
    tokens = {
        "hubspot": sandbox.keys["hubspot"]["access_token"],
        "stripe": sandbox.keys["stripe"]["api_key"],
    }
    for vendor, token in tokens.items():
        headers = {"authorization": f"Bearer {token}"}
        url = sandbox.urls[vendor] + PATHS[vendor]
        assert requests.get(url, headers=headers, timeout=5).status_code == 200
        assert requests.get(url, timeout=5).status_code == 401
    refused = requests.get(sandbox.urls["marketo"] + PATHS["marketo"], timeout=5)
    assert (refused.status_code, refused.json()["success"]) == (200, False)


def test_the_vendors_share_one_clock(open_sandbox: Callable[..., Any]) -> None:
    with open_sandbox() as sandbox:
        asked = {"advance_seconds": 3_600}
        requests.post(f"{sandbox.urls['stripe']}/_sandbox/clock", json=asked, timeout=5)
        for url in sandbox.urls.values():
            told = requests.get(f"{url}/_sandbox/clock", timeout=5).json()["now"]
            assert told == "2026-06-30T13:00:00+00:00"
        assert sandbox.requests("marketo") == 0


def test_stopping_leaves_no_thread_and_no_port(small_world: World) -> None:
    before = threading.active_count()
    with running(world=small_world) as sandbox:
        url = sandbox.urls["hubspot"]
        requests.get(url, timeout=5)
    assert threading.active_count() == before
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(url, timeout=5)


def test_a_port_in_use_is_named(small_world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(OSError, match=f"port {port} of 127.0.0.1"),
            running(world=small_world, ports=(0, port, 0)),
        ):
            pass


def test_serve_prints_json_and_stops_on_a_signal(tmp_path: Path) -> None:
    code = (
        "from revops_pipelines.sandbox.server import serve\n"
        "from datetime import date\n"
        "serve(3, date(2026, 6, 30), 0.01)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-W", "error::ResourceWarning", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "HOME": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        printed = json.loads(process.stdout.readline())
        assert printed["seed"] == 3
        assert printed["keys"]["stripe"] == {"api_key": "sandbox-stripe-key"}
        clock = requests.get(f"{printed['urls']['hubspot']}/_sandbox/clock", timeout=5).json()
        assert clock["speed"] == 1.0
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, errors) == (0, b"", b"")


def test_the_truth_is_written_as_csv(small_world: World, tmp_path: Path) -> None:
    now = datetime(2026, 6, 30, 12, tzinfo=UTC)
    files = write_truth(small_world, now, tmp_path / "truth")
    names = {path.name for path in files}
    assert names >= {
        "counts.csv",
        "customers.csv",
        "deal_stages.csv",
        "deals.csv",
        "leads.csv",
        "marketing_spend.csv",
        "marketo_leads.csv",
        "mrr.csv",
    }
    for path in files:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert rows, path.name
        assert None not in rows[0], path.name
    parts = {row["part"] for row in true_tables(small_world, now)["counts"]}
    assert parts >= {"billing", "marketing"}


def test_the_truth_grows_with_the_clock(small_world: World) -> None:
    early = true_tables(small_world, datetime(2025, 6, 30, 12, tzinfo=UTC))
    late = true_tables(small_world, datetime(2026, 6, 30, 12, tzinfo=UTC))
    for name in ("leads", "marketo_leads", "deals", "mrr"):
        assert 0 < len(early[name]) < len(late[name]), name


def test_a_running_clock_reaches_the_servers(small_world: World) -> None:
    ticks = iter([0.0, *[10.0] * 1_000])
    clock = SandboxClock(
        datetime(2026, 6, 30, 12, tzinfo=UTC), speed=60.0, monotonic=lambda: next(ticks)
    )
    with running(world=small_world, anchor=date(2026, 6, 30), clock=clock) as sandbox:
        told = requests.get(f"{sandbox.urls['marketo']}/_sandbox/clock", timeout=5).json()
        assert datetime.fromisoformat(told["now"]) == clock.now()
        assert clock.now() - datetime(2026, 6, 30, 12, tzinfo=UTC) == timedelta(minutes=10)
