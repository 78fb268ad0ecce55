"""Guards against believing a faulty answer: too few records, totals that do not add up.

Belongs here: pure decisions on counts. Does not: fetching or deleting.
"""

from __future__ import annotations

from dataclasses import dataclass

from revops_pipelines.engine.ingest.errors import VolumeAlarmError


@dataclass(frozen=True, slots=True)
class VolumeGuard:
    """How many of a stream's known records may vanish at once without anybody saying so.

    `share` of those alive may, and `few` in any case: three of five owners leaving is life, nine
    thousand of ten thousand contacts is a fault.
    """

    share: float = 0.3
    few: int = 20

    def check(self, stream: str, alive: int, vanished: int) -> None:
        """Raise VolumeAlarmError when too many vanished."""
        if vanished > self.few and vanished > alive * self.share:
            raise VolumeAlarmError(
                f"{stream}: {vanished} of {alive} known records are missing from the complete "
                f"list; nothing was deleted. If this is right, load the stream again with a "
                f"higher allowed share."
            )


def reconcile(stream: str, promised: int, landed: int, tolerated_share: float = 0.01) -> None:
    """Raise VolumeAlarmError when far fewer records came than the server's own total promised.

    Totals move while pages are read, so a small share (at least one record) is tolerated; more
    records than promised are not a loss.
    """
    if promised - landed > max(1.0, promised * tolerated_share):
        raise VolumeAlarmError(f"{stream}: the server counts {promised} records, {landed} came")
