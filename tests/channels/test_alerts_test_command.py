"""`revops alerts test`: one marked message, the real answer, and what to do about a no."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from receiver import SECRET
from rigs import RIGS

from revops_pipelines import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def revops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs `revops alerts test` with these channels configured: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REVOPS_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("REVOPS_CONFIG", str(tmp_path / "revops.toml"))
    for name in ("ALERT_WEBHOOK_URL", "PAGERDUTY_ROUTING_KEY", "SLACK_WEBHOOK_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(toml: str, *arguments: str, **secrets: str) -> tuple[int, str, str]:
        text = f'[sources.files]\npath = "."\n{toml}'
        (tmp_path / "revops.toml").write_text(text, encoding="utf-8")
        for name, value in secrets.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["revops", "alerts", "test", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_one_marked_message_and_the_answer(revops: Run) -> None:
    with RIGS["pagerduty"].receiving() as receiver:
        toml = f'[channels.pagerduty]\nevents_url = "{receiver.url}"\n'
        code, out, _ = revops(toml, "pagerduty", PAGERDUTY_ROUTING_KEY=SECRET)
    [seen] = receiver.processed
    assert code == 0
    assert seen.json["payload"]["summary"].startswith("Test: ")
    assert seen.json["routing_key"] == SECRET
    assert "HTTP 202, success, dedup_key revops/test/" in out and " s, message " in out
    assert SECRET not in out


def test_a_no_is_one_line_with_a_remedy(revops: Run) -> None:
    with RIGS["webhook"].receiving(otherwise="404") as receiver:
        code, out, err = revops("[channels.webhook]\n", "webhook", ALERT_WEBHOOK_URL=receiver.url)
    assert (code, out) == (1, "")
    assert "HTTP 404" in err and "is final" in err and "make a new one" in err
    assert err.count("\n") == 1 and SECRET not in err
    assert len(receiver.seen) == 1


def test_the_answer_as_json(revops: Run) -> None:
    with RIGS["webhook"].receiving(otherwise="503") as receiver:
        code, out, _ = revops(
            "[channels.webhook]\n", "webhook", "--json", ALERT_WEBHOOK_URL=receiver.url
        )
    told = json.loads(out)
    assert code == 1
    assert (told["channel"], told["sent"]) == ("webhook", False)
    assert told["answer"] == "127.0.0.1: HTTP 503" and told["remedy"]


def test_dry_run_shows_what_would_be_sent_and_sends_nothing(revops: Run) -> None:
    with RIGS["slack"].receiving() as receiver:
        secrets = {"SLACK_WEBHOOK_URL": receiver.url}
        code, out, _ = revops("[channels.slack]\n", "slack", "--dry-run", **secrets)
        [draft] = json.loads(
            revops("[channels.slack]\n", "slack", "--dry-run", "--json", **secrets)[1]
        )["drafts"]
    assert code == 0 and receiver.seen == []
    assert json.loads(out[out.index("{") :])["text"].endswith("nothing is wrong")
    assert draft["place"] == "http://127.0.0.1/***" and SECRET not in out


@pytest.mark.parametrize(
    ("toml", "channel", "said"),
    [
        ("", "slak", "no channel 'slak'"),
        ("[channels.slack]\n", "slack", "SLACK_WEBHOOK_URL is not set"),
        ("[channels.email]\n", "email", "needs host and sender"),
    ],
)
def test_what_is_not_configured_is_told(revops: Run, toml: str, channel: str, said: str) -> None:
    code, _, err = revops(toml, channel)
    assert code == 2 and said in err


def test_the_inbox_can_be_tried_without_any_setting(revops: Run, tmp_path: Path) -> None:
    code, out, _ = revops("", "inbox")
    [written] = (tmp_path / "state/inbox").glob("*.json")
    assert code == 0 and written.name in out
    assert json.loads(written.read_bytes())["is_test"] is True
