"""How commands fail: one line that says what, where and what to do, and an exit code.

0  done
1  the work failed (a run, a check): the line says which part
2  the command, revops.toml or an environment variable is wrong: mend it first
3  something is not there yet, or held by another process: start it, or try again
"""

from __future__ import annotations

FAILED = 1
MISCONFIGURED = 2
UNAVAILABLE = 3


class CommandError(Exception):
    """A command cannot go on; the text is one line."""

    def __init__(self, message: str, remedy: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.code = code

    @property
    def line(self) -> str:
        """What, and what to do about it."""
        said = str(self).rstrip(". ")
        said += "" if said.endswith("?") else "."
        return f"{said} {self.remedy[:1].upper()}{self.remedy[1:]}." if self.remedy else said
