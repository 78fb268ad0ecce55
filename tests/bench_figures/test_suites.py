"""The benchmarks run, on the smallest companies that have something of everything.

What they find of time and memory is not looked at here; what must be the same by two ways is. The
peers' own libraries are not needed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.child import ROOT, in_child
from bench.served import served

pytestmark = pytest.mark.thorough


def found(*arguments: str) -> dict[str, Any]:
    """The outcomes of some suites, by name."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--json", "--runs", "1", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {each["suite"]: each for each in json.loads(done.stdout)["outcomes"]}


def aims(outcome: dict[str, Any]) -> dict[str, float]:
    return {aim["text"]: aim["found"] for aim in outcome["aims"]}


def test_the_floor_of_ingest_reads_what_the_engine_reads(tmp_path: Path) -> None:
    with served(0.05) as server:
        pages = str(tmp_path / "pages")
        recorded = in_child("bench.ingest:record", handle=server.handle, folder=pages)
        engine = in_child("bench.ingest:engine", handle=server.handle, folder=str(tmp_path / "e"))
        (tmp_path / "floor").mkdir()
        floor = in_child(
            "bench.ingest:limit",
            handle=server.handle,
            folder=str(tmp_path / "floor"),
            recorded=recorded,
        )
    assert {"GET", "POST"} == {asked["method"] for asked in recorded["requests"]}
    assert engine["records"] == floor["records"] == recorded["records"] > 0


def test_nights_and_metrics_by_both_ways() -> None:
    outcomes = found("--only", "nights,metrics,steps", "--scale", "0.05")
    assert set(outcomes) == {"nights", "metrics", "steps"}
    full, later = outcomes["nights"]["ways"]
    assert full["records"] > later["records"] > 0
    by_dagster, plain = outcomes["steps"]["ways"]
    assert by_dagster["records"] == plain["records"] > 50


def test_a_large_company_in_small() -> None:
    outcomes = found("--only", "volume", "--scale", "0.005")
    assert set(outcomes) == {"volume", "volume_pandas", "volume_night", "volume_by_hand"}
    assert aims(outcomes["volume"])["metrics that failed"] == 0
    differing = {
        text: count
        for name in ("volume_pandas", "volume_night")
        for text, count in aims(outcomes[name]).items()
        if "differ" in text
    }
    assert len(differing) == 5
    assert set(differing.values()) == {0}
