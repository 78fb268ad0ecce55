"""The sandbox as a server of its own: its CPU is not that of whoever pulls from it.

Belongs here: starting it without rate limits, moving its clock, stopping it. Does not: pulling.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.child import ROOT, surroundings


@dataclass(frozen=True, slots=True)
class Served:
    """A running sandbox: what it said of itself (`urls`, `keys`, `now`, `scale`)."""

    handle: dict[str, Any]

    def advance(self, seconds: float) -> None:
        """Move its story on."""
        body = json.dumps({"advance_seconds": seconds}).encode()
        for url in list(self.handle["urls"].values())[:1]:
            with urllib.request.urlopen(f"{url}/_sandbox/clock", data=body, timeout=30):
                pass


@contextmanager
def served(scale: float, *, limits: bool = False) -> Iterator[Served]:
    """Serve the company at this scale while the block runs; its clock stands still.

    `limits` keeps the vendors' rate limits and the time that Marketo's extracts take.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.served", str(scale), "limits" if limits else "none"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=surroundings(),
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError("the sandbox did not start")
        yield Served(json.loads(line))
    finally:
        process.terminate()
        process.wait(30)
        if process.stdout:
            process.stdout.close()


def main() -> None:
    """Serve until SIGTERM, at the scale and under the limits that the command line says."""
    from revops_pipelines.sandbox.frame import Options
    from revops_pipelines.sandbox.server import serve

    options = Options() if sys.argv[2] == "limits" else Options(limits=False, bulk_seconds=0.0)
    serve(scale=float(sys.argv[1]), speed=0.0, options=options)


if __name__ == "__main__":
    main()
