"""Ending runs that are stuck for certain, so that the next one can begin.

Belongs here: ending their process where there is one, and telling Dagster. Does not: which runs
those are (`engine.heartbeat.signs`).

Dagster's default launcher does not look after its workers: a run whose code server was killed stays
"started" until its longest time has passed, and as only one run of a job may be under way, none
begins meanwhile.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import dagster as dg

from revops_pipelines.engine.heartbeat.instance import PROCESS_TAG
from revops_pipelines.engine.heartbeat.processes import is_gone, process_of
from revops_pipelines.engine.heartbeat.signs import BEGUN, Run

_ENDS_WITHIN_SECONDS = 10.0
_POLL_SECONDS = 0.1


def free_runs(
    home: Path,
    stuck: Sequence[tuple[Run, str]],
    sleep: Callable[[float], None] = time.sleep,
) -> list[str]:
    """End each of the runs, with the reason why it is stuck; one line for each that was dealt with.

    A run that has moved on meanwhile is left alone, and so is one whose process is on another host.
    """
    lines = []
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for run, reason in stuck:
            line = _free(instance, run, reason, sleep)
            if line:
                lines.append(line)
    return lines


def _free(
    instance: dg.DagsterInstance, run: Run, reason: str, sleep: Callable[[float], None]
) -> str:
    found = instance.get_run_by_id(run.run_id)
    if found is None or found.status.value != run.status or run.status not in BEGUN:
        return ""
    mark = found.tags.get(PROCESS_TAG, "")
    if not _ended(mark, sleep):
        return f"not {run.name}: its process ({mark}) is not of this host, or does not end"
    found = instance.get_run_by_id(run.run_id)
    if found is None or found.status.value not in BEGUN:
        # Asked to end, it has told Dagster itself.
        return f"{run.name}: {reason}"
    if run.status == "CANCELING":
        instance.report_run_canceled(found, f"Ended by the heartbeat: {reason}.")
    else:
        instance.report_run_failed(found, f"Ended by the heartbeat: {reason}.")
    return f"{run.name}: {reason}"


def _ended(mark: str, sleep: Callable[[float], None]) -> bool:
    """Whether the run's process has ended, asked to where it had not."""
    process = process_of(mark)
    if process is None:
        # It never came so far as to say which process it is.
        return True
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        gone = is_gone(process)
        if gone is None or (gone is False and not process.began):
            # Without an instant at which it began, the number may be another's by now.
            return False
        if gone:
            return True
        if number is not None and not _asked(process.number, number):
            return bool(is_gone(process))
        if number is not None:
            waited = 0.0
            while not is_gone(process) and waited < _ENDS_WITHIN_SECONDS:
                sleep(_POLL_SECONDS)
                waited += _POLL_SECONDS
    return bool(is_gone(process))


def _asked(number: int, how: int) -> bool:
    try:
        os.kill(number, how)
    except (ProcessLookupError, PermissionError):
        return False
    return True
