"""A Slack bot: one thread per episode, whose first message always shows how things stand.

Belongs here: the two methods that it calls and what their answers mean. Does not: the layout
(`slack.blocks`).

`chat.postMessage` answers HTTP 200 whatever happened; `ok` tells. Its `ts` and `channel` name the
message: later events of the episode change the first message with `chat.update` and reply in its
thread with `thread_ts`; a rise in severity is shown in the channel as well (`reply_broadcast`). The
bot needs the scope `chat:write` and must be a member of the conversation. There is no idempotency
key: what was sent and not acknowledged appears twice.
(docs.slack.dev, reference of the methods chat.postMessage and chat.update)
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from revops_pipelines.engine.alerts.channel import (
    ChannelKind,
    Draft,
    Message,
    Place,
    Receipt,
    RejectedError,
    UnreachableError,
)
from revops_pipelines.engine.alerts.posting import Deadline, Post, WebOptions, wait_asked
from revops_pipelines.engine.ingest.transport import Response
from revops_pipelines.resources.channels.slack.blocks import payload

_API = "https://slack.com/api"
_CODE = re.compile(r"[a-z][a-z_]{1,60}")
_THREAD = re.compile(r"([A-Z0-9]{1,30}):(\d{1,20}\.\d{1,20})")
# Errors that pass by themselves; every other one is an answer for good.
_PASSING = frozenset(
    {
        "accesslimited",
        "fatal_error",
        "internal_error",
        "org_login_required",
        "rate_limited",
        "ratelimited",
        "request_timeout",
        "service_unavailable",
        "team_added_to_org",
    }
)
# The first message is gone or may not be changed any more: the reply is what counts.
_CANNOT_CHANGE = frozenset(
    {"message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"}
)
_CANNOT_REPLY = frozenset(
    {
        "cannot_reply_to_message",
        "message_not_found",
        "restricted_action_non_threadable_channel",
        "thread_not_found",
    }
)
_NEW_KEY = "make a new bot token and put it where the channel's bot_token_env says"
_REMEDIES = {
    "account_inactive": _NEW_KEY,
    "channel_not_found": "give the conversation's id, and invite the bot: /invite @bot",
    "invalid_auth": _NEW_KEY,
    "is_archived": "choose another conversation, or restore this one",
    "missing_scope": "give the app the scope chat:write and install it again",
    "not_authed": _NEW_KEY,
    "not_in_channel": "invite the bot to the conversation: /invite @bot",
    "token_expired": _NEW_KEY,
    "token_revoked": _NEW_KEY,
}


class SlackBotOptions(WebOptions):
    """`[channels.slack_bot]`: the bot's token is a secret and comes from the environment."""

    conversation: str = Field(
        "", description="Id of the channel to post to, such as C0123456789; the bot is a member."
    )
    api_url: str = Field(_API, description="Where Slack's methods are; GovSlack has its own.")


class _SlackError(Exception):
    """Slack said `ok: false`; the code is one of Slack's words."""

    def __init__(self, code: str, answer: Response) -> None:
        super().__init__(code)
        self.code = code
        self.answer = answer


class SlackBot:
    """One conversation that a bot posts to."""

    def __init__(self, place: Place) -> None:
        options: SlackBotOptions = place.options
        if not options.conversation:
            raise ValueError(f"[channels.{place.name}] needs conversation, the id of a channel")
        root = options.api_url.rstrip("/")
        self._conversation = options.conversation
        self._seconds = options.deadline_seconds
        self._methods = {
            name: Post(f"{root}/{name}", options) for name in ("chat.postMessage", "chat.update")
        }
        self._headers = {"Authorization": f"Bearer {place.secrets['bot_token']}"}
        # Refused here instead of at the first alert: a line break would end the header.
        if not self._headers["Authorization"].isprintable():
            raise ValueError("the bot token holds characters that no token has")

    def __repr__(self) -> str:
        return "SlackBot(***)"

    def send(self, message: Message) -> Receipt:
        """Post, or change the episode's first message and reply to it; see `Sender`."""
        deadline = Deadline(self._seconds)
        try:
            answer = self._deliver(message, deadline)
        except _SlackError as refused:
            error = _classed(refused, message)
        else:
            called = f"{answer.get('channel')}:{answer.get('ts')}"
            known = {self._conversation: called} if _THREAD.fullmatch(called) else {}
            said = f"HTTP 200, ok, ts {answer.get('ts')}" if known else "HTTP 200, ok"
            return Receipt(said=said, references=known)
        raise error

    def drafts(self, message: Message) -> Sequence[Draft]:
        """What would be called; see `Drafting`."""
        return [
            Draft(
                f"{self._methods[method].place.removesuffix('***')}api/{method}",
                {"Content-Type": "application/json", "Authorization": "Bearer ***"},
                json.dumps(body, ensure_ascii=False, indent=2),
            )
            for method, body in self._calls(message)
        ]

    def _deliver(self, message: Message, deadline: Deadline) -> dict[str, Any]:
        *changes, (method, body) = self._calls(message)
        for change, changed in changes:
            try:
                self._call(change, changed, message, deadline)
            except _SlackError as error:
                if error.code not in _CANNOT_CHANGE:
                    raise
        try:
            return self._call(method, body, message, deadline)
        except _SlackError as error:
            if "thread_ts" not in body or error.code not in _CANNOT_REPLY:
                raise
        alone = {name: body[name] for name in body if name not in ("thread_ts", "reply_broadcast")}
        return self._call(method, alone, message, deadline)

    def _calls(self, message: Message) -> list[tuple[str, dict[str, Any]]]:
        """The methods to call, in order; the last one is the message, those before it change."""
        content = payload(message)
        new = {"channel": self._conversation, **content}
        thread = None
        if not message.is_digest:
            thread = _THREAD.fullmatch(message.events[0].thread.get(self._conversation, ""))
        if thread is None:
            return [("chat.postMessage", new)]
        channel, ts = thread.groups()
        shown = {name: content[name] for name in ("text", "blocks", "attachments")}
        reply = {
            **new,
            "channel": channel,
            "thread_ts": ts,
            "reply_broadcast": message.events[0].kind in ("escalated", "passed_on"),
        }
        return [
            ("chat.update", {"channel": channel, "ts": ts, **shown}),
            ("chat.postMessage", reply),
        ]

    def _call(
        self, method: str, body: dict[str, Any], message: Message, deadline: Deadline
    ) -> dict[str, Any]:
        sent = json.dumps(body, ensure_ascii=False).encode()
        answer = self._methods[method](sent, self._headers, message.sent_at, deadline)
        said = _read(answer)
        if said.get("ok") is not True:
            code = str(said.get("error"))
            raise _SlackError(code if _CODE.fullmatch(code) else "unknown_error", answer)
        return said


def _read(answer: Response) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or "ok" not in said:
        raise UnreachableError("Slack: HTTP 200 without Slack's answer")
    return said


def _classed(refused: _SlackError, message: Message) -> UnreachableError | RejectedError:
    """Slack's refusal as what to do about it."""
    remedy = _REMEDIES.get(refused.code, "")
    if refused.code in _PASSING:
        wait = wait_asked(refused.answer, message.sent_at)
        return UnreachableError(f"Slack: {refused.code}", wait, remedy or "try again later")
    return RejectedError(f"Slack: {refused.code}", remedy)


CHANNEL = ChannelKind(
    name="slack_bot",
    title="Slack bot",
    options=SlackBotOptions,
    secrets={"bot_token": "SLACK_BOT_TOKEN"},
    connect=SlackBot,
)
