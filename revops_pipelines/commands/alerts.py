"""`revops alerts list`: what is open and who minds it.

Belongs here: joining the published states with what people did since, and showing them. Does not:
doing anything about them (`alerts_actions`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer
from rich.console import Console

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.outbox_access import opened_outbox, time_of
from revops_pipelines.commands.query import opened, plain
from revops_pipelines.engine.alerts import desk
from revops_pipelines.settings import Settings

_OPEN = ("firing", "recovering")
_SEVERITIES = ("critical", "warning", "info")
_SEVERITY_COLOURS = {"critical": "red", "warning": "yellow", "info": "default"}


def list_alerts(
    console: Console, said: str, severity: str | None, *, every: bool, as_json: bool
) -> None:
    """Print the open alerts, or all; only those that begin so, and of that severity.

    Raises CommandError if nothing is published.
    """
    settings = settings_or_fail()
    alerts = [
        alert
        for alert in open_alerts(settings, every=every)
        if desk.is_meant(said, f"{alert['rule']}/{alert['key']}", alert["key"])
        and severity in (None, alert["severity"])
    ]
    if as_json:
        typer.echo(json.dumps(alerts, indent=2, ensure_ascii=False))
        return
    print_alerts(console, alerts, f"Alerts ({len(alerts)})")
    for line in _silences(settings):
        console.print(line, style="dim", markup=False, soft_wrap=True)


def open_alerts(settings: Settings, *, every: bool = False) -> list[dict[str, Any]]:
    """Alerts as plain values, the most severe and oldest first.

    What the last run published, and over it what people did since: an alert that was resolved by
    hand is gone, one that a sensor found since is there.
    """
    published = _published(settings)
    if not settings.outbox_path.is_file():
        found = published
    else:
        with opened_outbox(settings) as outbox:
            found = list(_joined(settings, outbox, published))
    kept = [alert for alert in found if every or alert["is_open"]]
    for alert in kept:
        del alert["is_open"]
    return sorted(kept, key=_order)


def print_alerts(console: Console, alerts: Sequence[dict[str, Any]], title: str) -> None:
    """Three lines an alert: what happened; how bad, against which limit, whose; how it is named."""
    console.print(f"[bold]{title}[/]")
    for alert in alerts:
        colour = _SEVERITY_COLOURS.get(str(alert["severity"]), "default")
        console.print(f"  [{colour}]{alert['severity'] or '':<8}[/] ", end="")
        console.print(str(alert.get("headline") or alert["rule"]), markup=False, soft_wrap=True)
        since = str(alert["fired_at"] or "")[:16].replace("T", " ")
        parts = [alert.get("observed"), alert.get("limit"), alert.get("owner"), f"told {since}"]
        line = "; ".join(str(part) for part in parts if part)
        console.print(f"           {line}", style="dim", markup=False, soft_wrap=True)
        by = f" by {alert['handled_by']}" if alert["handled_by"] else ""
        until = str(alert["handled_until"] or "")[:16].replace("T", " ")
        ends = f" until {until}" if until else ""
        named = f"{alert['rule']}/{alert['key']}: {alert['standing']}{by}{ends}"
        console.print(f"           {named}", style="dim", markup=False, soft_wrap=True)


def _published(settings: Settings) -> list[dict[str, Any]]:
    with opened(settings.published_path) as connection:
        cursor = connection.execute("SELECT * FROM ops.alert_states")
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [
        _state(row)
        for row in rows
        if not row.get("is_shadow") and (row["episode"] or row["status"] != "ok")
    ]


def _state(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **(json.loads(row["notice"]) if row["notice"] else {}),
        "rule": row["rule"],
        "key": row["alert_key"],
        "status": row["status"],
        "standing": row.get("standing") or row["status"],
        "severity": row["severity"],
        "episode": row["episode"],
        "fired_at": plain(row["fired_at"]),
        "handled_by": row.get("handled_by"),
        "handled_until": plain(row.get("handled_until")),
        "is_open": row["status"] in _OPEN,
    }


def _joined(
    settings: Settings, outbox: Any, published: Sequence[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    now = time_of(settings, outbox)
    episodes = {(row["alert"], row["episode"]): row for row in desk.open_episodes(outbox)}
    names = [f"{alert['rule']}/{alert['key']}" for alert in published if alert["is_open"]]
    known = desk.episodes_of(outbox, names)
    for alert in published:
        key = f"{alert['rule']}/{alert['key']}", alert["episode"]
        episodes.pop(key, None)
        if alert["is_open"] and key in known:
            alert |= _minded(known[key], now)
        yield alert
    for row in episodes.values():
        yield {
            **row["notice"],
            "rule": row["rule"],
            "key": row["alert_key"],
            "status": row["status"],
            "severity": row["severity"],
            "episode": row["episode"],
            "fired_at": plain(row["opened_at"]),
            **_minded(row, now),
        }


def _minded(row: Mapping[str, Any], now: Any) -> dict[str, Any]:
    return {
        "standing": str(desk.standing_of(row, now)),
        "handled_by": row["handled_by"] or None,
        "handled_until": plain(row["handled_until"]),
        "is_open": row["ended_at"] is None,
    }


def _silences(settings: Settings) -> Iterator[str]:
    if not settings.outbox_path.is_file():
        return
    with opened_outbox(settings) as outbox:
        for row in desk.silences_in_force(outbox, time_of(settings, outbox)):
            what = f"{row['rule'] or 'every rule'}/{row['key_prefix']}"
            what += "" if row["is_exact"] else "*"
            yield (
                f"Silent until {row['ends_at']:%Y-%m-%d %H:%M} UTC: {what} "
                f"({row['asked_by']}: {row['reason']}); id {row['silence_id'][:8]}"
            )


def _order(alert: Mapping[str, Any]) -> tuple[int, str, str]:
    severity = alert["severity"]
    place = _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
    return place, str(alert["fired_at"]), alert["key"]
