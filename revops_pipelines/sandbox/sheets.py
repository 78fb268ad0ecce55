"""The simulated company's spreadsheets, which the source `files` pulls under the name `sheets`.

Belongs here: writing them as CSV into a folder. Does not: what the company knows (`world`). The
folder `blank_sheets` has the same sheets with their headings alone, so that what can be pulled is
known before the sandbox has written any.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from revops_pipelines.sandbox.world.truth_books import expense_rows

if TYPE_CHECKING:
    from revops_pipelines.sandbox.world.world import World

BLANK = Path(__file__).with_name("blank_sheets")
SHEETS: Mapping[str, Callable[[World, datetime], Sequence[Mapping[str, Any]]]] = {
    "expenses": expense_rows,
}


def write_sheets(world: World, now: datetime, folder: Path) -> Path:
    """Write every sheet as it stood at an instant into a folder, made if need be; returns it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, rows_of in SHEETS.items():
        with (BLANK / f"{name}.csv").open(encoding="utf-8") as blank:
            headings = next(csv.reader(blank))
        path = folder / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            path.chmod(0o600)
            writer = csv.DictWriter(file, headings, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows_of(world, now))
    return folder
