"""`revops alerts list`: what is open, from the published snapshot.

Belongs here: reading and showing alert states. Does not: making them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.query import opened, plain
from revops_pipelines.settings import Settings

_OPEN = ("firing", "recovering")
_SEVERITY_COLOURS = {"critical": "red", "warning": "yellow", "info": "default"}


def list_alerts(console: Console, *, every: bool, as_json: bool) -> None:
    """Print the open alerts, or all. Raises CommandError if nothing is published."""
    alerts = open_alerts(settings_or_fail(), every=every)
    if as_json:
        typer.echo(json.dumps(alerts, indent=2, ensure_ascii=False))
    else:
        print_alerts(console, alerts, f"Alerts ({len(alerts)})")


def open_alerts(settings: Settings, *, every: bool = False) -> list[dict[str, Any]]:
    """Alerts as plain values, the most severe and oldest first."""
    where = "true" if every else f"status IN {_OPEN}"
    with opened(settings.published_path) as connection:
        rows = connection.execute(
            "SELECT rule, alert_key, status, severity, episode, fired_at, notice "
            f"FROM ops.alert_states WHERE {where} "
            "ORDER BY list_position(['critical', 'warning', 'info'], severity), fired_at, alert_key"
        ).fetchall()
    return [
        {
            "rule": rule,
            "key": key,
            "status": status,
            "severity": severity,
            "episode": episode,
            "fired_at": plain(fired_at),
            **(json.loads(notice) if notice else {}),
        }
        for rule, key, status, severity, episode, fired_at, notice in rows
    ]


def print_alerts(console: Console, alerts: Sequence[dict[str, Any]], title: str) -> None:
    """Two lines an alert: what happened; then how bad, against which limit, whose it is."""
    console.print(f"[bold]{title}[/]")
    for alert in alerts:
        colour = _SEVERITY_COLOURS.get(str(alert["severity"]), "default")
        console.print(f"  [{colour}]{alert['severity']:<8}[/] ", end="")
        console.print(str(alert.get("headline", alert["rule"])), markup=False, soft_wrap=True)
        since = str(alert["fired_at"] or "")[:16].replace("T", " ")
        parts = [alert.get("observed"), alert.get("limit"), alert.get("owner"), f"told {since}"]
        line = "; ".join(str(part) for part in parts if part)
        console.print(f"           {line}", style="dim", markup=False, soft_wrap=True)
