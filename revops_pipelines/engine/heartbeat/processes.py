"""Which process does a piece of work, and whether it is still there.

Belongs here: a process's mark and what can be known from it. Does not: ending processes.

A number alone does not name a process: numbers are used again. With the host and the instant at
which it began (in the kernel's own ticks since the machine was booted) it does.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
# Fields of /proc/<pid>/stat after the command's name, which may hold blanks and brackets itself:
# the state is the first of them, the start time the twentieth (proc_pid_stat(5): 3 and 22).
_STATE, _STARTED = 0, 19
_DEAD_STATES = ("Z", "X", "x")


@dataclass(frozen=True, slots=True)
class Process:
    """A process: its host, its number there, and when it began ('' where that cannot be known)."""

    host: str
    number: int
    began: str = ""

    def __str__(self) -> str:
        return f"{self.host} {self.number} {self.began}".rstrip()


def this_process() -> Process:
    """The mark of the process that asks."""
    number = os.getpid()
    return Process(socket.gethostname(), number, _began(number))


def process_of(mark: str) -> Process | None:
    """A mark read back from its text; None for anything else."""
    parts = mark.split()
    if len(parts) not in (2, 3) or not parts[1].isdigit():
        return None
    return Process(parts[0], int(parts[1]), parts[2] if len(parts) == 3 else "")


def is_gone(process: Process) -> bool | None:
    """Whether the process has ended; None where that cannot be seen from here (another host)."""
    if process.host != socket.gethostname():
        return None
    try:
        os.kill(process.number, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        # Somebody else's process bears the number now, or ours runs as another user.
        pass
    if not process.began:
        return False
    return _began(process.number) != process.began


def _began(number: int) -> str:
    """When the process began, in ticks since boot; '' for a dead one, and without a /proc."""
    try:
        text = (_PROC / str(number) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    if len(fields) <= _STARTED or fields[_STATE] in _DEAD_STATES:
        return ""
    return fields[_STARTED]
