"""`revops alerts ack|snooze|resolve|silence|unsilence|show|log`: people at work on alerts.

Belongs here: saying what is meant and what came of it. Does not: doing it
(`engine.alerts.actions`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import typer
from rich.console import Console

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import MISCONFIGURED, CommandError
from revops_pipelines.commands.outbox_access import end_of, opened_outbox, time_of, user
from revops_pipelines.commands.query import plain
from revops_pipelines.engine.alerts import actions, desk
from revops_pipelines.engine.alerts.lifecycle import Verb
from revops_pipelines.engine.alerts.notice import as_utc
from revops_pipelines.engine.alerts.outbox import Outbox
from revops_pipelines.resources.telling import directory_of

VIA = "command"
_HOUR = timedelta(hours=1)


def act_on(
    out: Console,
    alerts: Sequence[str],
    deed: str,
    *,
    span: str | None = None,
    until: datetime | None = None,
    reason: str = "",
    by: str | None = None,
    as_json: bool = False,
) -> None:
    """Do it to each of the alerts; the first that cannot be done ends the command."""
    settings = settings_or_fail()
    done = []
    with opened_outbox(settings) as outbox:
        now = time_of(settings, outbox)
        ends_at = end_of(settings, now, span, until)
        for said in alerts:
            episode = desk.find_open(outbox, said)
            who = {"by": by or user(), "via": VIA, "reason": reason}
            asked = _asked(deed, episode, ends_at or now + _HOUR, directory_of(settings), now, who)
            came = actions.perform(outbox, asked, now)
            done.append({"alert": episode["alert"], "said": came.said, "is_new": came.is_new})
    if as_json:
        typer.echo(json.dumps(done, indent=2, ensure_ascii=False))
    for each in () if as_json else done:
        out.print(f"{each['alert']}: {each['said']}", markup=False, soft_wrap=True)


def silence_alerts(
    out: Console,
    alert: str | None,
    *,
    rule: str,
    key: str,
    span: str | None,
    until: datetime | None,
    reason: str,
    by: str | None,
    as_json: bool,
) -> None:
    """Silence one alert, or all of a rule or a beginning of keys."""
    settings = settings_or_fail()
    if not (alert or rule or key):
        raise CommandError("say which: an alert, --rule or --key", code=MISCONFIGURED)
    if alert and (rule or key):
        raise CommandError("say an alert, or --rule and --key, not both", code=MISCONFIGURED)
    with opened_outbox(settings) as outbox:
        now = time_of(settings, outbox)
        ends_at = end_of(settings, now, span, until)
        if ends_at is None:
            raise CommandError("a silence needs an end: --for 2h, or --until", code=MISCONFIGURED)
        if not reason.strip():
            raise CommandError("a silence needs a reason: --reason", code=MISCONFIGURED)
        if alert:
            episode = desk.find_open(outbox, alert)
            rule, key = episode["rule"], episode["alert_key"]
        identity = actions.silence(
            outbox,
            starts_at=now,
            ends_at=ends_at,
            reason=reason,
            asked_by=by or user(),
            rule=rule,
            key_prefix=key,
            is_exact=alert is not None,
        )
    what = f"{rule or 'every rule'}/{key}{'' if alert else '*'}"
    if as_json:
        told = {"silence_id": identity, "what": what, "ends_at": as_utc(ends_at)}
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        said = f"{what}: silent until {ends_at:%Y-%m-%d %H:%M} UTC; id {identity[:8]}"
        out.print(said, markup=False, soft_wrap=True)


def end_silence(out: Console, said: str, *, reason: str, by: str | None, as_json: bool) -> None:
    """End the silence whose id begins so."""
    settings = settings_or_fail()
    with opened_outbox(settings) as outbox:
        now = time_of(settings, outbox)
        in_force = desk.silences_in_force(outbox, now)
        found = [row for row in in_force if row["silence_id"].startswith(said)]
        if len(found) != 1:
            known = ", ".join(row["silence_id"][:8] for row in in_force) or "none is in force"
            raise CommandError(f"no one silence {said!r}; {known}", code=MISCONFIGURED)
        identity = found[0]["silence_id"]
        actions.lift(outbox, identity, now, asked_by=by or user(), via=VIA, reason=reason)
    if as_json:
        typer.echo(json.dumps({"silence_id": identity, "ended_at": as_utc(now)}))
    else:
        out.print(f"silence {identity[:8]} has ended", markup=False)


def show_alert(out: Console, said: str, *, as_json: bool) -> None:
    """One alert, open or the latest that is over, with its messages and actions."""
    settings = settings_or_fail()
    with opened_outbox(settings) as outbox:
        now = time_of(settings, outbox)
        episode = desk.find_latest(outbox, said)
        found = _shown(outbox, episode, now)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _print_alert(out, found)


def show_log(out: Console, rule: str, last: int, *, as_json: bool) -> None:
    """The newest actions."""
    settings = settings_or_fail()
    with opened_outbox(settings) as outbox:
        rows = [_plainly(row) for row in desk.actions_log(outbox, last, rule)]
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        out.print("Nobody has done anything yet.")
    for row in rows:
        out.print(_line(row), markup=False, soft_wrap=True)


def _asked(
    deed: str,
    episode: Mapping[str, Any],
    ends_at: datetime,
    directory: Any,
    now: datetime,
    who: Mapping[str, str],
) -> actions.Asked:
    if deed != "snooze":
        return desk.asked_by_deed(deed, episode, directory, now, **who)
    return actions.Asked(
        verb=Verb.SNOOZE,
        rule=episode["rule"],
        key=episode["alert_key"],
        episode=episode["episode"],
        until=ends_at,
        by=who["by"],
        via=who["via"],
        reason=who["reason"],
    )


def _shown(outbox: Outbox, episode: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    rule, key = episode["rule"], episode["alert_key"]
    return {
        "alert": episode["alert"],
        "rule": rule,
        "key": key,
        "standing": str(desk.standing_of(episode, now)),
        "severity": episode["severity"],
        "episode": episode["episode"],
        "opened_at": plain(episode["opened_at"]),
        "handled_by": episode["handled_by"] or None,
        "handled_until": plain(episode["handled_until"]),
        "receivers": episode["receivers"],
        "notice": episode["notice"],
        "messages": [_plainly(row) for row in desk.messages_of(outbox, rule, key)],
        "actions": [_plainly(row) for row in desk.actions_log(outbox, 50, rule, key)],
    }


def _print_alert(out: Console, found: Mapping[str, Any]) -> None:
    notice = found["notice"]
    out.print(f"{found['alert']}: {found['standing']}, {found['severity']}", markup=False)
    labels = {
        "what": notice.get("headline"),
        "record": notice.get("subject"),
        "link": notice.get("url"),
        "observed": notice.get("observed"),
        "limit": notice.get("limit"),
        "owner": notice.get("owner") or "nobody",
        "what to do": notice.get("what_to_do"),
        "minded by": found["handled_by"],
    }
    for label, value in labels.items():
        if value:
            out.print(f"  {label:<11} {value}", markup=False, soft_wrap=True)
    for message in found["messages"]:
        at = str(message["sent_at"] or message["occurred_at"])[:16].replace("T", " ")
        to = f" to {message['receiver']}" if message["receiver"] else ""
        why = f" ({message['reason']})" if message["reason"] else ""
        line = f"  {at}  {message['kind']}, {message['channel']}{to}: {message['state']}{why}"
        out.print(line, markup=False, soft_wrap=True)
    for action in found["actions"]:
        out.print(f"  {_line(action)}", markup=False, soft_wrap=True)


def _line(action: Mapping[str, Any]) -> str:
    at = str(action["asked_at"])[:16].replace("T", " ")
    until = str(action["until_at"] or "")[:16].replace("T", " ")
    parts = [
        f"{at}  {action['asked_by']}: {action['verb']}",
        f"{action['rule'] or 'every rule'}/{action['alert_key']}",
        f"until {until}" if until else "",
        f"({action['reason']})" if action["reason"] else "",
    ]
    return " ".join(part for part in parts if part)


def _plainly(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in row.items()}
