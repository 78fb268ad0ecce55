"""Ending processes: what a command began, and what that began itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from revops_pipelines.commands.stopping import kill_group, stop_process

# Does not care for SIGINT, has a child in its group that does neither, and says when it is ready.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
if len(sys.argv) == 1:
    child = subprocess.Popen([sys.executable, __file__, "child"], stdout=subprocess.PIPE)
    child.stdout.readline()
    print(child.pid, flush=True)
else:
    print("ready", flush=True)
time.sleep(600)
"""


def _begun(tmp_path: Path) -> tuple[subprocess.Popen[bytes], int]:
    script = tmp_path / "stubborn.py"
    script.write_text(STUBBORN)
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _is_there(number: int) -> bool:
    """Zombies, which nobody may have waited for yet, are not there."""
    try:
        stat = Path(f"/proc/{number}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def test_a_group_is_gone_when_it_was_killed(tmp_path):
    process, child = _begun(tmp_path)
    with process:
        stop_process(process, signal.SIGINT, 0.01)
        assert _is_there(child)
        kill_group(process.pid, 10)
        assert not _is_there(child)
    assert kill_group(process.pid, 10)


def test_what_does_not_die_is_not_waited_for_without_end(tmp_path):
    process, _ = _begun(tmp_path)
    with process:
        # Not waited for by its parent, it stays in the table of processes.
        looks: list[float] = []
        assert not kill_group(process.pid, 0.3, sleep=looks.append)
        assert len(looks) == 6
