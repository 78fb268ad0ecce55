"""The outbox's file: opening it once more must not harm those who have it open."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from revops_pipelines.engine.alerts.outbox import CHANNELS, open_outbox

# Another process that reads and closes; the last one to close a database clears its log away.
LOOKS = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    connection.execute("SELECT count(*) FROM channels").fetchall()
connection.close()
"""


def test_a_second_opening_in_the_same_process_ends_no_lock_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    first = open_outbox(path)
    with first.transaction() as connection:
        connection.execute(CHANNELS.insert(), {"channel": "a", "failures": 0, "last_error": ""})
    log = tmp_path / "outbox.sqlite-wal"
    assert log.stat().st_size > 0
    open_outbox(path).close()
    subprocess.run([sys.executable, "-c", LOOKS, str(path)], check=True)
    assert log.is_file(), "another process took the file to be nobody's"
    with first.transaction() as connection:
        assert connection.execute(CHANNELS.select()).first() is not None
    first.close()
    assert path.stat().st_mode & 0o777 == 0o600
