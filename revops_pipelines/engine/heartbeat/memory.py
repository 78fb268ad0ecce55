"""What the heartbeat has told: a trouble is told once, again after hours, and when it has ended.

Belongs here: the small file and what is to be told next. Does not: telling.

The file keeps its size and is written in place: on a disk that is full a new file could not be
written, and the heartbeat would tell of it every minute.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from revops_pipelines.engine.heartbeat.signs import Sign

_BYTES = 16_384
_DETAIL = 200


@dataclass(frozen=True, slots=True)
class Known:
    """A sign that is known: since when, when it was told last, and what was said."""

    since: datetime
    told_at: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told: signs that are new or still there after hours, and what has ended."""

    wrong: tuple[Sign, ...] = ()
    mended: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.wrong or self.mended)


def news(
    signs: Iterable[Sign], known: Mapping[str, Known], repeat: timedelta, now: datetime
) -> News:
    """What people have not heard of yet; what was never told is not told as mended either."""
    signs = tuple(signs)
    present = {sign.key for sign in signs}
    return News(
        tuple(sign for sign in signs if _is_due(known.get(sign.key), repeat, now)),
        tuple(
            each.detail
            for key, each in known.items()
            if key not in present and each.told_at is not None
        ),
    )


def after(
    signs: Iterable[Sign], known: Mapping[str, Known], told: News | None, now: datetime
) -> dict[str, Known]:
    """What to remember. `told` is what really went out; None: nothing did, and it is tried again.

    What has ended is kept until people were told so.
    """
    signs = tuple(signs)
    went_out = {sign.key for sign in told.wrong} if told is not None else set()
    remembered = {}
    for sign in signs:
        before = known.get(sign.key)
        remembered[sign.key] = Known(
            before.since if before else now,
            now if sign.key in went_out else (before.told_at if before else None),
            sign.detail[:_DETAIL],
        )
    if told is None:
        ended = {key: each for key, each in known.items() if key not in remembered}
        remembered |= {key: each for key, each in ended.items() if each.told_at is not None}
    return remembered


def recall(path: Path) -> dict[str, Known]:
    """What was remembered; nothing where there is no file, or none that can be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {key: _read(each) for key, each in document.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def remember(path: Path, known: Mapping[str, Known]) -> None:
    """Write it down, in place and at the same size; what does not fit is left out.

    Raises OSError.
    """
    kept = dict(sorted(known.items(), key=lambda each: each[1].since))
    while len(text := _text(kept)) > _BYTES:
        kept.popitem()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.ljust(_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _text(known: Mapping[str, Known]) -> bytes:
    return json.dumps(
        {
            key: {
                "since": each.since.isoformat(),
                "told_at": each.told_at and each.told_at.isoformat(),
                "detail": each.detail,
            }
            for key, each in known.items()
        }
    ).encode()


def _read(each: Mapping[str, str]) -> Known:
    told_at = each["told_at"]
    return Known(
        datetime.fromisoformat(each["since"]).astimezone(UTC),
        datetime.fromisoformat(told_at).astimezone(UTC) if told_at else None,
        each["detail"],
    )


def _is_due(known: Known | None, repeat: timedelta, now: datetime) -> bool:
    if known is None or known.told_at is None:
        return True
    # An instant to come means that the clock was set back: it binds nobody.
    return now - known.told_at >= repeat or known.told_at > now
