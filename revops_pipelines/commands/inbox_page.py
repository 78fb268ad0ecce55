"""The inbox page as commands serve it: `revops alerts page`, and inside `revops ui`.

Belongs here: what it acts with under the settings in force. Does not: the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from rich.console import Console

from revops_pipelines.commands.context import settings_or_fail
from revops_pipelines.commands.failures import UNAVAILABLE, CommandError
from revops_pipelines.commands.outbox_access import time_of, user
from revops_pipelines.engine.alerts.links import link_key
from revops_pipelines.engine.alerts.outbox import OUTBOX_URL, Outbox, open_outbox
from revops_pipelines.resources.channels.inbox.acting import Desk
from revops_pipelines.resources.telling import directory_of
from revops_pipelines.settings import Settings, environment


def desk_of(settings: Settings) -> Desk:
    """What the page acts with; opens nothing yet."""
    reached_at = urlsplit(settings.escalation.page_url).netloc
    return Desk(
        outbox=lambda: _outbox(settings),
        now=lambda outbox: time_of(settings, outbox),
        key=lambda: link_key(settings.link_key_path),
        directory=directory_of(settings),
        user=user(),
        hosts=(reached_at,) if reached_at else (),
    )


@contextmanager
def _outbox(settings: Settings) -> Iterator[Outbox]:
    """The outbox, an empty one where there is none yet; what cannot be done is said on the page."""
    outbox = open_outbox(environment().get(OUTBOX_URL) or settings.outbox_path)
    try:
        yield outbox
    finally:
        outbox.close()


def serve_page(out: Console, port: int | None) -> None:
    """Serve until stopped. Raises CommandError if the port is taken."""
    from revops_pipelines.resources.channels.inbox.page import HOST, serve_inbox

    settings = settings_or_fail()
    chosen = settings.escalation.page_port if port is None else port
    out.print(f"Inbox  http://{HOST}:{chosen}/  until Ctrl-C")
    try:
        serve_inbox(settings.inbox_path, chosen, desk_of(settings))
    except OSError as error:
        raise CommandError(
            f"port {chosen} of {HOST}: {error.strerror}",
            remedy="choose another: --port, or page_port in [escalation]",
            code=UNAVAILABLE,
        ) from None
