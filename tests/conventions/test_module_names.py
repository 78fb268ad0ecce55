"""Test modules have names of their own: pytest imports them from many folders by name alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_no_two_modules_of_the_tests_share_a_name() -> None:
    """A second of the same name would hide the first, or keep it from being collected."""
    names = Counter(file.name for file in TESTS.rglob("*.py") if file.name != "conftest.py")
    assert names
    assert [name for name, count in names.items() if count > 1] == []
