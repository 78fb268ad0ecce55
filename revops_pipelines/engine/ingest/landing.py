"""Landing files: what was pulled, on disk before any database is opened.

Belongs here: `landing/<source>/<stream>/<load_id>/` with `data-*.ndjson` (one record per line, as
sent), `deletes.ndjson`, `ids.ndjson`, `rejects.ndjson`, and the manifest whose atomic rename makes
the load count. Does not: reading them back (`load.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Landed:
    """A stream's finished pull: its folder of files, counts, and the cursor for the next one.

    `rows` counts landed records, `deletes` tombstones, `rejects` records that are no proper JSON;
    `is_complete` says that `ids.ndjson` holds all keys that exist.
    """

    source: str
    stream: str
    load_id: str
    folder: Path
    files: tuple[Path, ...]
    rows: int
    deletes: int
    rejects: int
    is_complete: bool
    extracted_at: datetime
    cursor: Mapping[str, Any]
