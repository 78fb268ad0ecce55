"""The same lists by a Singer tap and target, each in an environment of its own.

Belongs here: installing the two, their configuration, running them as `tap | target`. Does not:
which lists (`backfill_peers.py`).

The vendors' own taps on the package index speak to the vendors' hosts alone (`tap-hubspot`,
`tap-chargebee` and `tap-stripe` build their addresses from constants), so they cannot be measured
on a server of ours. `tap-rest-api-msdk`, built with Meltano's SDK, takes any address, and
`target-duckdb` writes where the others write. Their requirements contradict ours, and each other's:
hence the environments, made once below `$REVOPS_HOME/bench`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.backfill_peers import DIALECTS, lists, rows_in
from bench.child import ROOT
from bench.cost import measured

# What the tap needs of setuptools was taken out of it in version 81.
_TAP = ("tap-rest-api-msdk==1.4.2", "setuptools<81")
_TARGET = ("target-duckdb==0.8.0", "duckdb>=1.5,<1.6")
_START = "1970-01-01T00:00:00Z"


class NotInstalledError(Exception):
    """The tap or the target cannot be installed here; the message says why."""


def commands(say: Callable[[str], None]) -> dict[str, str]:
    """Paths of the tap's and the target's programs, installed if they are not yet."""
    home = Path(os.environ.get("REVOPS_HOME", ROOT / ".revops")) / "bench"
    return {
        "tap": str(_installed(home / "singer-tap", "tap-rest-api-msdk", _TAP, say)),
        "target": str(_installed(home / "singer-target", "target-duckdb", _TARGET, say)),
    }


def _installed(
    place: Path, program: str, requirements: tuple[str, ...], say: Callable[[str], None]
) -> Path:
    found = place / "bin" / program
    if found.is_file():
        return found
    uv = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise NotInstalledError("uv is needed to install the Singer tap; it was not found")
    say(f"installing {' '.join(requirements)}")
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)],
        [uv, "pip", "install", "--quiet", "--python", str(place / "bin" / "python"), *requirements],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            shutil.rmtree(place, ignore_errors=True)
            raise NotInstalledError(f"{program} cannot be installed: {done.stderr.strip()[-200:]}")
    return found


def run(
    handle: Mapping[str, Any],
    folder: str,
    vendor: str,
    requests: list[list[str]],
    commands: Mapping[str, str],
) -> dict[str, Any]:
    """The lists by the tap, one after the other as Singer does, piped into the target."""
    wanted = lists(vendor, requests)
    place = Path(folder)
    token = DIALECTS[vendor]
    tap = {
        "api_url": handle["urls"][vendor],
        "auth_method": "bearer_token",
        "bearer_token": handle["keys"][vendor]["access_token"],
        "pagination_request_style": "jsonpath_paginator",
        "pagination_response_style": "default",
        "next_page_token_path": f"$.{token.next_token}",
        "pagination_next_page_param": token.cursor,
        "streams": [
            {
                "name": each.name,
                "path": each.path,
                "params": dict(each.params),
                "records_path": "$.results[*]",
                "primary_keys": ["id"],
                "num_inference_records": 50,
            }
            for each in wanted
        ],
    }
    database = place / "singer.duckdb"
    target = {"filepath": str(database), "default_target_schema": "raw"}
    for name, content in (("tap", tap), ("target", target)):
        (place / f"{name}.json").write_text(json.dumps(content))
    with measured() as cost, (place / "log").open("w") as log:
        pulling = subprocess.Popen(
            [commands["tap"], "--config", str(place / "tap.json")],
            stdout=subprocess.PIPE,
            stderr=log,
        )
        loading = subprocess.run(
            [commands["target"], "--config", str(place / "target.json")],
            stdin=pulling.stdout,
            stdout=subprocess.DEVNULL,
            stderr=log,
            check=False,
        )
        if pulling.stdout:
            pulling.stdout.close()
        failed = pulling.wait() or loading.returncode
    if failed:
        raise RuntimeError((place / "log").read_text()[-800:])
    return {**asdict(cost), "lists": len(wanted), "records": rows_in(database, "raw")}
