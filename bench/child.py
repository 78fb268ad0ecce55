"""Work in a process of its own: nothing that ran before warms it up or slows it down.

Belongs here: starting the process and its answer. Does not: the work.

    python -m bench.child bench.ingest:engine   # arguments as JSON on stdin, answer on stdout
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# Nothing may phone home while it is measured, and nothing of the caller's set-up may leak in.
_QUIET = {
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "CRITICAL",
    "PYTHONWARNINGS": "ignore",
}
_MARK = "bench answers: "


class ChildFailedError(Exception):
    """The process failed; the text is the end of what it wrote."""


def in_child(work: str, /, **arguments: Any) -> Any:
    """Call `module:function` with JSON arguments in a new process; returns its JSON answer.

    Raises ChildFailedError.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.child", work],
        input=json.dumps(arguments),
        text=True,
        capture_output=True,
        cwd=ROOT,
        env=surroundings(),
        check=False,
    )
    for line in reversed(done.stdout.splitlines()):
        if line.startswith(_MARK):
            return json.loads(line.removeprefix(_MARK))
    raise ChildFailedError(f"{work}: {(done.stderr or done.stdout)[-2000:]}")


def surroundings() -> Mapping[str, str]:
    """The environment of measured processes: no credentials, no configuration of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **_QUIET}


def main() -> None:
    """Do the work named on the command line."""
    module, _, function = sys.argv[1].partition(":")
    work = getattr(importlib.import_module(module), function)
    answer = work(**json.load(sys.stdin))
    print(_MARK + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
