"""Landing files: what was pulled, on disk before any database is opened.

Belongs here: `landing/<source>/<stream>/<load_id>/` with `data-*.ndjson` (one record per line, as
sent), `deletes.ndjson`, `ids.ndjson`, `rejects.ndjson`, and the manifest whose atomic rename makes
the load count. Does not: reading them into the warehouse (`load.py`).
"""

from __future__ import annotations

import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from revops_pipelines.engine.ingest.errors import IngestError
from revops_pipelines.engine.ingest.metering import Calls

MANIFEST = "manifest.json"
# How a load's name begins: when it was pulled, UTC.
LOAD_STAMP = "%Y%m%dT%H%M%S"
# DuckDB holds 2,048 lines parsed at once for each JSON function of a statement, six times their
# size, but never lines of two files: small files bound the memory of a load with long records.
FILE_BYTES = 2 * 1024 * 1024
_BUFFER_BYTES = 1 << 17
# So many records are joined at once: a page of 5,000 joined whole would be there twice.
_JOINED = 256
_counter = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Landed:
    """A stream's finished pull: its folder of files, counts, and the cursor for the next one.

    `rows` counts landed records, `deletes` tombstones, `rejects` records that are no proper JSON;
    `is_complete` says that `ids.ndjson` holds all keys that exist (`ids` of them). `promised` is
    how many records the system itself counts, None where it does not tell. `stopped` is what ended
    the pull on the way: then this is what landed up to a checkpoint, and `cursor` that checkpoint.
    `calls` are the requests of the whole source in this run.
    """

    source: str
    stream: str
    load_id: str
    folder: Path
    files: tuple[Path, ...]
    rows: int
    deletes: int
    rejects: int
    ids: int
    is_complete: bool
    extracted_at: datetime
    cursor: Mapping[str, Any]
    promised: int | None = None
    stopped: IngestError | None = None
    calls: Calls | None = None

    @property
    def is_empty(self) -> bool:
        """Did neither a record nor a word on deletes come?"""
        return not (self.files or self.deletes or self.rejects or self.is_complete)

    def discard(self) -> None:
        """Remove the files; for after their load was committed."""
        shutil.rmtree(self.folder, ignore_errors=True)


class LandingWriter:
    """Writes one stream's landing folder; safe across threads. Nothing counts before `finalise`."""

    def __init__(self, root: Path, source: str, stream: str, extracted_at: datetime) -> None:
        self._source, self._stream = source, stream
        self._extracted_at = extracted_at
        # Sorts by time; process and counter keep two pulls of one instant apart.
        stamp = extracted_at.strftime(LOAD_STAMP)
        self.load_id = f"{stamp}-{os.getpid()}-{next(_counter)}"
        parent = root / source / stream
        _sweep(parent)
        self.folder = parent / self.load_id
        for folder in (root, root / source, parent, self.folder):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._files: dict[str, BinaryIO] = {}
        self._data: list[str] = []
        self._data_bytes = 0
        self._counts = {"rows": 0, "deletes": 0, "rejects": 0, "ids": 0}
        self._is_complete = False
        self._promised: int | None = None

    def write(self, records: Iterable[bytes]) -> int:
        """Append records, one a line; returns how many are landed by now."""
        left = iter(records)
        while batch := list(itertools.islice(left, _JOINED)):
            self._write(batch)
        return self._counts["rows"]

    def _write(self, batch: list[bytes]) -> None:
        lines = b"\n".join(batch)
        if lines.count(b"\n") != len(batch) - 1 or b"" in batch:
            batch = [line for record in batch if (line := self._one_line(record))]
            lines = b"\n".join(batch)
        if not batch:
            return
        with self._lock:
            file = self._data_file(len(lines))
            file.write(lines)
            file.write(b"\n")
            self._counts["rows"] += len(batch)

    def land_file(self, fill: Callable[[Path], int]) -> int:
        """Let `fill` write a data file, one record a line; returns how many are landed by now."""
        with self._lock:
            name = f"data-{len(self._data) + 1:04d}.ndjson"
            self._data.append(name)
            # What is written next begins a file of its own.
            self._data_bytes = FILE_BYTES
        path = self.folder / name
        path.touch(mode=0o600)
        rows = fill(path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        with self._lock:
            self._counts["rows"] += rows
            return self._counts["rows"]

    def reject(self, record: bytes, rule: str) -> None:
        """Append a record that cannot be landed, as escaped text, with the rule that it breaks."""
        text = record.decode("utf-8", "backslashreplace")
        self._append("rejects", [{"rule": rule, "record": text}])

    def delete(self, key: Sequence[str], at: datetime | None, reason: str) -> None:
        """Append a tombstone; a time without a zone is UTC."""
        said = at if at is None or at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
        self._append("deletes", [{"key": list(key), "said_at": said, "reason": reason}])

    def complete_ids(self, keys: Iterable[Sequence[str]]) -> None:
        """Append keys to the complete set."""
        self._is_complete = True
        self._append("ids", ({"key": list(key)} for key in keys))

    def promised(self, records: int) -> None:
        """Add to what the system says there is to read."""
        with self._lock:
            self._promised = records + (self._promised or 0)

    def finalise(
        self,
        cursor: Mapping[str, Any],
        crash_point: Callable[[str], None] = lambda _: None,
        stopped: IngestError | None = None,
    ) -> Landed:
        """Make all files durable, then the manifest by rename: the pull counts from here on.

        Of a pull that was `stopped` on the way nothing is concluded from what did not land.
        """
        with self._lock:
            for name in tuple(self._files):
                self._seal(name)
            landed = Landed(
                source=self._source,
                stream=self._stream,
                load_id=self.load_id,
                folder=self.folder,
                files=tuple(self.folder / name for name in self._data),
                is_complete=self._is_complete and stopped is None,
                extracted_at=self._extracted_at,
                cursor=dict(cursor),
                promised=self._promised if stopped is None else None,
                stopped=stopped,
                rows=self._counts["rows"],
                deletes=self._counts["deletes"],
                rejects=self._counts["rejects"],
                ids=self._counts["ids"],
            )
            crash_point("landing.written")
            manifest = {
                **self._counts,
                "load_id": self.load_id,
                "files": self._data,
                "is_complete": landed.is_complete,
                "promised": landed.promised,
                "stopped": None if stopped is None else str(stopped),
                "extracted_at": self._extracted_at,
                "cursor": dict(cursor),
            }
            _write_atomically(self.folder / MANIFEST, msgspec.json.encode(manifest))
        crash_point("landing.finalised")
        return landed

    def abandon(self) -> None:
        """Close and remove everything of a pull that failed."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _one_line(self, record: bytes) -> bytes:
        """The record without line breaks between its parts; b"" when it is no JSON (rejected).

        Others stay byte for byte: their digest must not depend on what they arrived with.
        """
        if record and b"\n" not in bytes(record):
            return record
        try:
            return msgspec.json.format(bytes(record), indent=-1)
        except (msgspec.DecodeError, RecursionError):
            self.reject(bytes(record), "json")
            return b""

    def _append(self, kind: str, rows: Iterable[Mapping[str, Any]]) -> None:
        encoded = [msgspec.json.encode(row) for row in rows]
        if not encoded:
            return
        with self._lock:
            file = self._file(f"{kind}.ndjson")
            file.write(b"\n".join(encoded) + b"\n")
            self._counts[kind] += len(encoded)

    def _data_file(self, size: int) -> BinaryIO:
        if not self._data or self._data_bytes + size > FILE_BYTES:
            if self._data:
                self._seal(self._data[-1])
            self._data.append(f"data-{len(self._data) + 1:04d}.ndjson")
            self._data_bytes = 0
        self._data_bytes += size
        return self._file(self._data[-1])

    def _seal(self, name: str) -> None:
        """Make a file durable and close it, if it is open."""
        file = self._files.pop(name, None)
        if file is not None:
            file.flush()
            os.fsync(file.fileno())
            file.close()

    def _file(self, name: str) -> BinaryIO:
        if name not in self._files:
            descriptor = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._files[name] = os.fdopen(descriptor, "wb", buffering=_BUFFER_BYTES)
        return self._files[name]


def _write_atomically(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".part")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(parent: Path) -> None:
    """Remove what processes left behind that are no more: their cursors did not move."""
    if not parent.is_dir():
        return
    for folder in parent.iterdir():
        parts = folder.name.split("-")
        if len(parts) == 3 and parts[1].isdigit() and not _alive(int(parts[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
