"""The outbox as a Dagster resource.

Belongs here: where it is. Does not: what is in it (`engine.alerts.outbox`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from revops_pipelines.engine.alerts.outbox import Outbox, open_outbox


class OutboxResource(dg.ConfigurableResource[Any]):
    """The outbox in a SQLite file, or where `url` says (give it as an EnvVar: it holds a password).

    The URL is for installations whose runs live on several hosts: PostgreSQL.
    """

    path: str
    url: str = ""

    @contextmanager
    def opened(self) -> Iterator[Outbox]:
        """The outbox, closed at the end of the block."""
        outbox = open_outbox(self.url or Path(self.path))
        try:
            yield outbox
        finally:
            outbox.close()
