"""The outbox as a command uses it: where it is, what time it is there, and who asks.

Belongs here: opening it for people. Does not: what they do with it.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from revops_pipelines.commands.failures import FAILED, MISCONFIGURED, UNAVAILABLE, CommandError
from revops_pipelines.engine.alerts.actions import ActionError
from revops_pipelines.engine.alerts.desk import latest_event
from revops_pipelines.engine.alerts.outbox import OUTBOX_URL, Outbox, open_outbox
from revops_pipelines.resources.clock import ClockError, ClockResource
from revops_pipelines.resources.systems import systems_of
from revops_pipelines.settings import Settings, environment

_SPAN = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@contextmanager
def opened_outbox(settings: Settings) -> Iterator[Outbox]:
    """The outbox; raises CommandError where there is none or it cannot be opened."""
    url = environment().get(OUTBOX_URL)
    if not url and not settings.outbox_path.is_file():
        raise CommandError(
            "there is no outbox yet", remedy="run `revops run nightly` first", code=UNAVAILABLE
        )
    try:
        outbox = open_outbox(url or settings.outbox_path)
    except SQLAlchemyError as error:
        raise CommandError(
            f"the outbox cannot be opened: {type(error).__name__}", code=UNAVAILABLE
        ) from None
    try:
        yield outbox
    except ActionError as error:
        raise CommandError(str(error), code=FAILED) from None
    finally:
        outbox.close()


def time_of(settings: Settings, outbox: Outbox) -> datetime:
    """The instant it is for the alerts: the sandbox has a clock of its own.

    While no sandbox is running its clock stands at its newest alert.
    """
    systems = systems_of(settings)
    if systems.sandbox and systems.sandbox_url:
        try:
            return ClockResource(sandbox_url=systems.sandbox_url).now()
        except ClockError:
            pass
    stands_at = latest_event(outbox) if systems.sandbox else None
    return stands_at or ClockResource().now()


def user() -> str:
    """The user of this machine, as the log names whoever asks here."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"user {os.getuid()}"


def end_of(
    settings: Settings, now: datetime, span: str | None, until: datetime | None
) -> datetime | None:
    """The end that was asked for, as a span from now or a local time; None where none was."""
    if span and until:
        raise CommandError("say --for or --until, not both", code=MISCONFIGURED)
    if until is not None:
        return until.replace(tzinfo=settings.zone).astimezone(UTC)
    if span is None:
        return None
    found = _SPAN.fullmatch(span)
    if found is None:
        raise CommandError(f"--for {span}: write 30m, 2h, 3d or 1w", code=MISCONFIGURED)
    return now + timedelta(**{_UNITS[found[2]]: int(found[1])})
