"""The chaos run in small: the same processes, fewer events; `make chaos` runs it whole."""

from __future__ import annotations

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
