"""Who gets which letter: a message's events, divided by the people whom they are for.

Belongs here: addresses and grouping. Does not: what a letter says (`mime`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from revops_pipelines.engine.alerts.channel import Message, Told
from revops_pipelines.engine.alerts.people import receiver_of

# Plain addresses only: quoted local parts and comments are where one address becomes two.
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_LONGEST = 254


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail: to whom, with which of the message's events; `name` is its only receiver's."""

    to: tuple[str, ...]
    events: tuple[Told, ...]
    name: str = ""


def is_address(text: str) -> bool:
    """Whether it is one plain address: no name, no list, no line break."""
    return len(text) <= _LONGEST and _ADDRESS.fullmatch(text) is not None


def target_of(address: str) -> str:
    """What stands for the address in the outbox: the same for any case, and no address."""
    return f"mail:{hashlib.sha256(address.lower().encode()).hexdigest()[:24]}"


def letters_of(message: Message, to: Sequence[str], *, personal: bool) -> list[Letter]:
    """The message's letters: one for each receiver, one to `to` for the rest, most severe first."""
    grouped: dict[tuple[str, ...], list[Told]] = {}
    names: dict[tuple[str, ...], str] = {}
    for told in message.events:
        receiver = receiver_of(told.notice) if personal else None
        if receiver is not None and is_address(receiver.email):
            key: tuple[str, ...] = (receiver.email.lower(),)
            names.setdefault(key, receiver.name)
        else:
            key = tuple(dict.fromkeys(to))
        grouped.setdefault(key, []).append(told)
    return [Letter(key, tuple(events), names.get(key, "")) for key, events in grouped.items()]
