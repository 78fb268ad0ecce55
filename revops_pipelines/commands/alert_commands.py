"""The part of `revops alerts` that is about alerts: what is open, and what people do about it.

Belongs here: their arguments. Does not: what they do (`alerts`, `alerts_actions`), which is
imported when asked for, so that other commands start quickly.
"""

# Annotations stay objects here: typer reads them.

from datetime import datetime
from typing import Annotated, Literal

import typer
from rich.console import Console

_Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
_Alerts = Annotated[
    list[str], typer.Argument(help="RULE/KEY as `revops alerts list` shows it, or its beginning.")
]
_Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the log.")]
_By = Annotated[str | None, typer.Option("--by", help="Who asks, if not the user of this machine.")]
_For = Annotated[str | None, typer.Option("--for", help="30m, 2h, 3d or 1w.")]
_Until = Annotated[
    datetime | None,
    typer.Option(
        "--until",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        help="Or until then, in the reporting time zone.",
    ),
]


def add_alert_commands(app: typer.Typer, out: Console) -> None:
    """Add `list`, `show`, `log` and the verbs to the app of `revops alerts`."""
    _add_reading(app, out)
    _add_verbs(app, out)
    _add_silences(app, out)
    _add_page(app, out)


def _add_reading(app: typer.Typer, out: Console) -> None:
    @app.command("list")
    def alerts_list(
        alert: Annotated[
            str, typer.Argument(help="Only those that begin so: a rule, RULE/KEY or a key.")
        ] = "",
        severity: Annotated[
            Literal["critical", "warning", "info"] | None,
            typer.Option(help="Only of this severity."),
        ] = None,
        every: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
        as_json: _Json = False,
    ) -> None:
        """Open alerts, the most severe and oldest first, and who minds them."""
        from revops_pipelines.commands.alerts import list_alerts

        list_alerts(out, alert, severity, every=every, as_json=as_json)

    @app.command("show")
    def alerts_show(
        alert: Annotated[str, typer.Argument(help="RULE/KEY, or its beginning.")],
        as_json: _Json = False,
    ) -> None:
        """One alert: what is wrong, who was told when, what was done; the latest if it is over."""
        from revops_pipelines.commands.alerts_actions import show_alert

        show_alert(out, alert, as_json=as_json)

    @app.command("channels")
    def alerts_channels(
        last: Annotated[int, typer.Option(min=1, help="How many dead letters.")] = 10,
        as_json: _Json = False,
    ) -> None:
        """What each channel has sent, what still waits, and what it refused for good."""
        from revops_pipelines.commands.alerts_channels import show_channels

        show_channels(out, last, as_json=as_json)

    @app.command("log")
    def alerts_log(
        rule: Annotated[str, typer.Option(help="Only of this rule.")] = "",
        last: Annotated[int, typer.Option(min=1, help="How many.")] = 50,
        as_json: _Json = False,
    ) -> None:
        """What people did about alerts: who, when and why; the newest first."""
        from revops_pipelines.commands.alerts_actions import show_log

        show_log(out, rule, last, as_json=as_json)


def _add_page(app: typer.Typer, out: Console) -> None:
    @app.command("page")
    def alerts_page(
        port: Annotated[
            int | None, typer.Option(help="Port on 127.0.0.1, else page_port of [escalation].")
        ] = None,
    ) -> None:
        """Serve the inbox page with its buttons, and answer the links in messages."""
        from revops_pipelines.commands.inbox_page import serve_page

        serve_page(out, port)


def _add_verbs(app: typer.Typer, out: Console) -> None:
    @app.command("ack")
    def alerts_ack(
        alerts: _Alerts, reason: _Reason = "", by: _By = None, as_json: _Json = False
    ) -> None:
        """Acknowledge: nobody is told again, until it is worse or over."""
        from revops_pipelines.commands.alerts_actions import act_on

        act_on(out, alerts, "ack", reason=reason, by=by, as_json=as_json)

    @app.command("snooze")
    def alerts_snooze(
        alerts: _Alerts,
        span: _For = None,
        until: _Until = None,
        next_working_day: Annotated[
            bool, typer.Option("--next-working-day", help="Until 09:00 where its owner works.")
        ] = False,
        reason: _Reason = "",
        by: _By = None,
        as_json: _Json = False,
    ) -> None:
        """Be silent for a while (an hour, if not said); then it is told again if still wrong."""
        from revops_pipelines.commands.alerts_actions import act_on

        deed = "snooze-next" if next_working_day else "snooze"
        act_on(out, alerts, deed, span=span, until=until, reason=reason, by=by, as_json=as_json)

    @app.command("resolve")
    def alerts_resolve(
        alerts: _Alerts, reason: _Reason = "", by: _By = None, as_json: _Json = False
    ) -> None:
        """Call it over; it comes back as a new episode if it is still wrong after its keep time."""
        from revops_pipelines.commands.alerts_actions import act_on

        act_on(out, alerts, "resolve", reason=reason, by=by, as_json=as_json)


def _add_silences(app: typer.Typer, out: Console) -> None:
    @app.command("silence")
    def alerts_silence(
        alert: Annotated[
            str | None, typer.Argument(help="One open alert; else say --rule or --key.")
        ] = None,
        rule: Annotated[str, typer.Option(help="All alerts of this rule.")] = "",
        key: Annotated[str, typer.Option(help="All alerts whose key begins so.")] = "",
        span: _For = None,
        until: _Until = None,
        reason: _Reason = "",
        by: _By = None,
        as_json: _Json = False,
    ) -> None:
        """Tell nobody of some alerts for a while, on record; needs an end and a reason."""
        from revops_pipelines.commands.alerts_actions import silence_alerts

        silence_alerts(
            out,
            alert,
            rule=rule,
            key=key,
            span=span,
            until=until,
            reason=reason,
            by=by,
            as_json=as_json,
        )

    @app.command("unsilence")
    def alerts_unsilence(
        silence: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
        reason: _Reason = "",
        by: _By = None,
        as_json: _Json = False,
    ) -> None:
        """End a silence now; what is still wrong is told."""
        from revops_pipelines.commands.alerts_actions import end_silence

        end_silence(out, silence, reason=reason, by=by, as_json=as_json)
