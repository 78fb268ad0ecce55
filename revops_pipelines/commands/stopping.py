"""Ending a process that a command began, and what it began itself.

Belongs here: asking, waiting, and insisting. Does not: which processes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_POLL_SECONDS = 0.05


def stop_process(process: subprocess.Popen[Any], number: int, within_seconds: float) -> None:
    """Send it the signal; what has not ended in that time is killed. One that has ended is left."""
    process.send_signal(number)
    try:
        process.wait(within_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def kill_group(
    group: int, within_seconds: float, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """SIGKILL all processes of a group, and wait until they are gone; False where some are not.

    A process with much memory takes a while to die, and until then it looks alive.
    """
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
        waited = 0.0
        while waited < within_seconds:
            os.killpg(group, 0)
            sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
        return False
    return True
