"""The remedy for a word that is none of the valid ones."""

from __future__ import annotations

from zoneinfo import available_timezones

import pytest

from revops_pipelines.engine.plugin_tables import nearest

KEYS = ("host", "port", "security", "sender", "tell_actions", "username")


@pytest.mark.parametrize(
    ("wrong", "remedy"),
    [
        ("sendr", "did you mean 'sender'?"),
        ("usrname", "did you mean 'username'?"),
        ("actions", "did you mean 'tell_actions'?"),
        ("s", "one of: host, port, security, sender, tell_actions, username"),
        ("", "one of: host, port, security, sender, tell_actions, username"),
        ("encryption", "one of: host, port, security, sender, tell_actions, username"),
    ],
)
def test_only_a_slip_or_a_part_of_a_word_is_taken_for_it(wrong: str, remedy: str) -> None:
    assert nearest(wrong, KEYS) == remedy


def test_where_nothing_is_valid_it_goes() -> None:
    assert nearest("anything", ()) == "remove it"


def test_a_town_finds_its_time_zone_and_nothing_lists_them_all() -> None:
    zones = available_timezones()
    assert nearest("Berlin", zones) == "did you mean 'Europe/Berlin'?"
    assert nearest("CEST+0100", zones) == f"none of the {len(zones)} known is like it"
