"""The account's requests of a day: counted, told in every answer, and refused past the last.

Belongs here: the daily limit. Does not: the limits by the second (`app.py`).

Searches count but their answers do not tell; a day ends at midnight of the sandbox's clock.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from revops_pipelines.sandbox.calls import Reply
from revops_pipelines.sandbox.clock import SandboxClock
from revops_pipelines.sandbox.hubspot.errors import too_many

# developers.hubspot.com, "API usage guidelines": an account with a professional hub.
CALLS_A_DAY = 650_000


class Allowance:
    """The app inside, with the day's requests told in its headers."""

    def __init__(self, app: ASGIApp, clock: SandboxClock, calls: float) -> None:
        self._app, self._clock, self._most = app, clock, int(calls)
        self._day, self._used = clock.now().date(), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call, or refuse it when the day's are used up."""
        today = self._clock.now().date()
        if today != self._day:
            self._day, self._used = today, 0
        if self._used >= self._most:
            await Reply.json(429, too_many("DAILY")).send(send)
            return
        self._used += 1
        told = () if scope["path"].endswith("/search") else self._told()

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *told]
            await send(message)

        await self._app(scope, receive, telling)

    def _told(self) -> tuple[tuple[bytes, bytes], ...]:
        return (
            (b"x-hubspot-ratelimit-daily", str(self._most).encode()),
            (b"x-hubspot-ratelimit-daily-remaining", str(self._most - self._used).encode()),
        )
