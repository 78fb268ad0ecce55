"""The sandbox as a server of its own: its CPU is not that of whoever pulls from it.

Belongs here: starting it with the limits and the latency that a suite wants, moving its clock,
counting its calls, stopping it. Does not: pulling.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.child import ROOT, surroundings


@dataclass(frozen=True, slots=True)
class Served:
    """A running sandbox: what it said of itself (`urls`, `keys`, `now`, `scale`), its process."""

    handle: dict[str, Any]
    process: int = 0

    def advance(self, seconds: float) -> None:
        """Move its story on."""
        body = json.dumps({"advance_seconds": seconds}).encode()
        for url in list(self.handle["urls"].values())[:1]:
            with urllib.request.urlopen(f"{url}/_sandbox/clock", data=body, timeout=30):
                pass

    def calls(self, vendor: str) -> int:
        """How many calls a vendor's server has had, by its own count."""
        url = f"{self.handle['urls'][vendor]}/_sandbox/requests"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return int(json.load(answer)["total"])

    def cpu_seconds(self) -> float:
        """What its process has worked so far; 0 where the system does not tell (not Linux)."""
        stat = Path(f"/proc/{self.process}/stat")
        if not stat.is_file():
            return 0.0
        user, system = stat.read_text().rpartition(") ")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(
    scale: float,
    *,
    limits: bool = False,
    systems: Sequence[str] = (),
    latency_seconds: float = 0.0,
    bulk_seconds: float | None = None,
) -> Iterator[Served]:
    """Serve the company at this scale while the block runs; its clock stands still.

    `limits` keeps the vendors' rate limits and the time that extracts take, which `bulk_seconds`
    overrides. `systems` are those of a usual company unless named. Every answer takes
    `latency_seconds` longer.
    """
    bulk = bulk_seconds if bulk_seconds is not None else 0.1 if limits else 0.0
    wanted = {
        "scale": scale,
        "systems": list(systems),
        "options": {"limits": limits, "bulk_seconds": bulk, "latency_seconds": latency_seconds},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.served", json.dumps(wanted)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=surroundings(),
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError("the sandbox did not start")
        yield Served(json.loads(line), process.pid)
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout:
            process.stdout.close()


def main() -> None:
    """Serve until SIGTERM what the command line says."""
    from revops_pipelines.sandbox.frame import Options
    from revops_pipelines.sandbox.server import serve
    from revops_pipelines.sandbox.vendors import USUAL

    wanted = json.loads(sys.argv[1])
    serve(
        scale=wanted["scale"],
        speed=0.0,
        systems=wanted["systems"] or USUAL,
        options=Options(**wanted["options"]),
    )


if __name__ == "__main__":
    main()
