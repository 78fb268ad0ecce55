"""Reading the published snapshot: read-only, and nothing beyond the file in reach.

Belongs here: the one way to open it. Does not: writing it (`publish`).
"""

from __future__ import annotations

from pathlib import Path

import duckdb


def open_snapshot(path: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the snapshot, without access to other files or the network.

    A snapshot that is being replaced stays readable: the rename leaves open readers their file.
    Raises duckdb.IOException if there is none.
    """
    connection = duckdb.connect(
        str(path),
        read_only=True,
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "enable_external_access": "false",
        },
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection
