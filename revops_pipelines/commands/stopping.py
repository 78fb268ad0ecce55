"""Ending a process that a command began.

Belongs here: asking, waiting, and insisting. Does not: what it began itself.
"""

from __future__ import annotations

import subprocess
from typing import Any


def stop_process(process: subprocess.Popen[Any], number: int, within_seconds: float) -> None:
    """Send it the signal; what has not ended in that time is killed. One that has ended is left."""
    process.send_signal(number)
    try:
        process.wait(within_seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
