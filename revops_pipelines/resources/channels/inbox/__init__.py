"""The local inbox: each message is one JSON file in a folder of the state directory.

Belongs here: writing the files. Does not: showing them (`page`).

A file appears whole or not at all, is readable by its owner only, and bears the message's id, so
that a message sent twice is there once.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from revops_pipelines.engine.alerts.channel import (
    ChannelKind,
    ChannelOptions,
    Draft,
    Message,
    Place,
    Receipt,
    UnreachableError,
)
from revops_pipelines.engine.alerts.wording import document


class InboxOptions(ChannelOptions):
    """`[channels.inbox]`."""

    keep: int = Field(1000, ge=1, description="Older messages than the newest so many are removed.")


class Inbox:
    """A folder that messages are put into."""

    def __init__(self, place: Place) -> None:
        self._folder = place.inbox
        self._keep = place.options.keep

    def __repr__(self) -> str:
        return "Inbox()"

    def send(self, message: Message) -> Receipt:
        """Write the message's file; see `Sender`."""
        name = _file_name(message)
        body = json.dumps(document(message), ensure_ascii=False, indent=1).encode()
        problem = ""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_whole(self._folder / name, body)
            self._remove_old()
        except OSError as error:
            problem = os.strerror(error.errno) if error.errno else type(error).__name__
        if problem:
            raise UnreachableError(
                f"the inbox folder cannot be written: {problem}",
                remedy="see that its owner may write there, and that the disk is not full",
            )
        return Receipt(said=f"written as {name}")

    def drafts(self, message: Message) -> Sequence[Draft]:
        """What would be written; see `Drafting`."""
        body = json.dumps(document(message), ensure_ascii=False, indent=1)
        return [Draft(_file_name(message), {}, body)]

    def _remove_old(self) -> None:
        names = sorted(path.name for path in self._folder.glob("*.json"))
        for name in names[: -self._keep]:
            (self._folder / name).unlink(missing_ok=True)


def _file_name(message: Message) -> str:
    return f"{message.created_at:%Y%m%dT%H%M%S}-{message.message_id}.json"


def _write_whole(path: Path, body: bytes) -> None:
    """Write beside, flush to the disk, then rename: a reader never sees half a file."""
    beside = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.tmp")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


CHANNEL = ChannelKind(
    name="inbox",
    title="Local inbox",
    options=InboxOptions,
    secrets={},
    connect=Inbox,
)
