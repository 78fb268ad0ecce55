"""The chaos run in small: the same processes, fewer events; `make chaos` runs it whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def chaos(monkeypatch: pytest.MonkeyPatch) -> None:
    # The package lies beside the tests; its relays are started as `python -m chaos.relays`.
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])


def test_l8_l13_two_relays_that_are_killed_lose_and_double_nothing(
    chaos: None, tmp_path: Path
) -> None:
    from chaos import delivery

    found = delivery.run(tmp_path, 7, events=40, kills=2, seconds=120)
    assert sum(found.kills.values()) >= 1
    assert (found.lost, found.phantom, found.overtaken, found.doubled_with_key) == (0, 0, 0, 0)
    assert found.is_sound


def test_the_daemon_to_be_killed_is_the_one_of_that_installation(chaos: None) -> None:
    from chaos.living import daemon_below

    waits = "import sys; print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", waits, "dagster._daemon"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        assert daemon_below(os.getpid()) == daemon.pid
        assert daemon_below(daemon.pid) == daemon.pid
        daemon.kill()
        daemon.wait()
        assert daemon_below(os.getpid()) is None
