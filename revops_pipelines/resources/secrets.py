"""Secrets: read through Dagster's EnvVar when they are needed, never shown.

Belongs here: the value that hides itself. Does not: who needs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import dagster as dg


class MissingSecretError(Exception):
    """An environment variable that holds a secret is not set; the message names it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's place: an environment variable, or a value that is known already (the sandbox's).

    Its repr is `***`, whatever happens to it.
    """

    variable: str
    known: str | None = field(default=None, repr=False)

    def reveal(self) -> str:
        """The value, for the one who sends it. Raises MissingSecretError."""
        value = self.known if self.known is not None else dg.EnvVar(self.variable).get_value()
        if not value:
            raise MissingSecretError(
                f"{self.variable} is not set; export it, or remove the source from revops.toml"
            )
        return value

    def __repr__(self) -> str:
        return "***"
