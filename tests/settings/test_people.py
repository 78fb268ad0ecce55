"""[people], [teams] and [escalation]: what they mean to the relay, and mistakes named."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from revops_pipelines.engine.alerts.declaration import RuleOptions
from revops_pipelines.engine.plugin_tables import ConfigurationError
from revops_pipelines.resources.telling import policy_of
from revops_pipelines.settings import Settings, load_settings

KINDS = {"sources": {}, "channels": {}, "rules": {}}
WHOLE = """
[calendars.SDR]
time_zone = "Europe/Madrid"

[people."Ana@Example.com"]
name = "Ana Diaz"
team = "SDR"
absent = ["2026-07-01/2026-07-14", "2026-08-03"]

[people."bo@example.com"]
calendar = { opens = "07:00", closes = "12:00" }
quiet_hours = { starts = "19:00", ends = "08:00" }

[teams.SDR]
lead = "Tom@example.com"

[escalation]
fallback = "ops@example.com"
after_minutes = { critical = [5] }
repeat_hours = { critical = 0.5 }
page_url = "https://alerts.example.com"
"""


def load(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "revops.toml").write_text(text, encoding="utf-8")
    return load_settings({}, tmp_path, KINDS)


def test_what_the_file_says_is_what_the_relay_does(tmp_path: Path) -> None:
    settings = load(tmp_path, WHOLE)
    rules = {
        "a": RuleOptions(repeat_hours=2, escalate_after_minutes=()),
        "b": RuleOptions(repeat_hours=0),
        "c": RuleOptions(),
    }
    policy = policy_of(settings, rules)
    assert policy.interval("a", "critical") == timedelta(hours=2)
    assert policy.interval("b", "critical") is None
    assert policy.interval("c", "critical") == timedelta(minutes=30)
    assert policy.interval("c", "warning") is None
    assert list(policy.steps("a", "critical")) == []
    assert list(policy.steps("c", "critical")) == [timedelta(minutes=5)]
    directory = policy.directory
    at = datetime(2026, 6, 30, 23, tzinfo=UTC)  # already July in Madrid
    notice = {"owner": "Ana Diaz, SDR", "team": "SDR"}
    assert [each.email for each in directory.chain(notice, at)] == [
        "tom@example.com",
        "ops@example.com",
    ]
    assert directory.chain(notice, at)[0].why == "Ana Diaz is away until 2026-07-14"
    back = datetime(2026, 7, 14, 23, tzinfo=UTC)
    assert directory.chain(notice, back)[0].email == "ana@example.com"
    hours = directory.people["ana@example.com"].hours
    assert hours is not None and hours.time_zone == "Europe/Madrid"
    assert hours.absences[1] == (date(2026, 8, 3), date(2026, 8, 3))
    assert settings.calendars["bo@example.com"].opens == "07:00"


def test_nothing_said_tells_again_and_passes_on_to_nobody(tmp_path: Path) -> None:
    policy = policy_of(load(tmp_path, ""), {})
    assert policy.interval("any", "warning") == timedelta(hours=24)
    assert policy.interval("any", "info") is None
    [only] = policy.directory.chain({"owner": "Ana Diaz"}, datetime(2026, 6, 30, tzinfo=UTC))
    assert (only.name, only.email, only.role) == ("Ana Diaz", "", "owner")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[people."a@b.c"]\nabsent = ["2026-07-14/2026-07-01"]', "comes after the last"),
        ('[people."a@b.c"]\nabsent = ["July"]', "absent"),
        ('[people."a@b.c"]\nnme = "A"', "unknown key people.a@b.c.nme"),
        ('[teams.SDR]\nlead = "Tom"', "mail address"),
        ('[escalation]\nfallback = "ops"', "mail address"),
        ("[escalation]\nrepeat_hours = { critical = 0 }", "more than 0"),
        ("[escalation]\nafter_minutes = { warning = [0] }", "more than 0"),
        ("[escalation]\nafter_minutes = { urgent = [5] }", "escalation"),
        ('[escalation]\npage_url = "javascript:alert(1)"', "page_url"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        load(tmp_path, text)
    assert re.search(said, str(wrong.value)), str(wrong.value)
    assert "\n" not in str(wrong.value)
