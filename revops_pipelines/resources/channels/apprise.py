"""Apprise: the long tail of services that have no channel of their own, by their Apprise URLs.

Belongs here: holding Apprise to what all channels promise. Does not: any service (Apprise's own
plug-ins are the services), or the words (`wording`).

Apprise says only yes or no, follows redirects, waits as long as it likes and logs addresses, unless
told otherwise: each message goes to each address through an object of its own, with redirects off,
certificates checked, retries off and a deadline; of its log only warnings are left.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from revops_pipelines.engine.alerts.channel import (
    ChannelKind,
    DeliveryError,
    Draft,
    Message,
    Place,
    Receipt,
    RejectedError,
    Told,
    UnreachableError,
)
from revops_pipelines.engine.alerts.posting import Deadline, WebOptions
from revops_pipelines.engine.alerts.wording import (
    WRITTEN_OUT,
    clip,
    facts,
    message_severity,
    message_state,
    message_title,
    record_url,
    title,
    visible,
    what_to_do,
)
from revops_pipelines.engine.ingest.address import Origin, check_base
from revops_pipelines.engine.ingest.errors import AddressRefusedError
from revops_pipelines.engine.ingest.redaction import Redactor

_LONGEST_TITLE, _LONGEST_TEXT = 200, 4000
_FEWEST_SECONDS = 0.05
_LOGGER = "apprise"
_TYPES = {"critical": "failure", "warning": "warning", "info": "info"}
# Schemes whose host is a host, not a token, and which speak in the clear.
_PLAIN = ("json", "form", "xml", "apprise", "gotify", "ntfy", "matrix", "rocket", "mmost", "mqtt")
_RETRIABLE = (408, 425, 429)
_STATUS = re.compile(r"\berror=([1-5][0-9]{2})\b")
# What calls everybody, or makes a link or a tag, in one service or the other.
_MENTION = re.compile(r"@(?=(?:everyone|here|channel|all|room)\b)", re.IGNORECASE)
_SIGNS = str.maketrans({"<": "\u2039", ">": "\u203a", "[": "(", "]": ")", "`": "'"})


class AppriseOptions(WebOptions):
    """`[channels.apprise]`: the addresses are secrets and come from the environment."""

    list_events: int = Field(
        10, ge=1, le=WRITTEN_OUT, description="How many alerts of a digest are written out."
    )


@dataclass(frozen=True)
class _Target:
    """One address: its scheme, what it is called in records, and the secret itself."""

    scheme: str
    name: str
    url: str

    def __repr__(self) -> str:
        return f"_Target({self.scheme})"


class Apprise:
    """Services by their Apprise URLs, each tried by itself."""

    def __init__(self, place: Place) -> None:
        self._options: AppriseOptions = place.options
        self._targets = tuple(_target(url) for url in place.secrets["urls"].split())
        if not self._targets:
            raise ValueError("no address is given")
        self._redactor = Redactor(_secrets(self._targets), [_LOGGER])
        # Adding the same filter again is a no-op in logging.
        logging.getLogger(_LOGGER).addFilter(_QUIET)
        for target in self._targets:
            self._service(target, self._options.deadline_seconds)

    def __repr__(self) -> str:
        return "Apprise(***)"

    def send(self, message: Message) -> Receipt:
        """Tell every service that has not got it yet; see `Sender`."""
        deadline = Deadline(self._options.deadline_seconds)
        taken: dict[str, str] = {}
        refused: dict[str, str] = {}
        unreached: DeliveryError | None = None
        for target in self._targets:
            if target.name in message.taken:
                continue
            try:
                self._tell(target, message, deadline.left())
                taken[target.name] = ""
            except UnreachableError as error:
                unreached = error
            except RejectedError as error:
                refused[target.name] = str(error)
        if unreached is not None:
            raise UnreachableError(str(unreached), remedy=unreached.remedy, taken=taken)
        if refused and not taken and not message.taken:
            raise RejectedError("; ".join(sorted(set(refused.values()))), _REMEDY)
        services = ", ".join(target.scheme for target in self._targets if target.name in taken)
        return Receipt(said=f"taken by {services}", references=taken, refused=refused)

    def drafts(self, message: Message) -> Sequence[Draft]:
        """What each service would be told; see `Drafting`."""
        text = f"{_title(message)}\n\n{_text(message, self._options.list_events)}"
        return [Draft(f"{target.scheme}://***", {}, text) for target in self._targets]

    def _tell(self, target: _Target, message: Message, seconds: float) -> None:
        import apprise

        if seconds < _FEWEST_SECONDS:
            raise UnreachableError(f"{target.scheme}: total deadline passed")
        one = apprise.Apprise(asset=_asset())
        one.add(self._service(target, seconds))
        is_over = message_state(message) == "resolved"
        result = one.notify(
            title=_title(message),
            body=_text(message, self._options.list_events),
            body_format=apprise.NotifyFormat.TEXT,
            notify_type="success" if is_over else _TYPES[message_severity(message)],
            timeout=seconds,
        )
        # A truth value of the library's own; anything but a plain yes is a no.
        if bool(result) is True:
            return
        raise _error(target.scheme, refusal_of(_lines(result)))

    def _service(self, target: _Target, seconds: float) -> Any:
        """A new object of the service's plug-in, held to our rules. Raises ValueError."""
        import apprise

        service = apprise.Apprise.instantiate(target.url, asset=_asset())
        if service is None:
            raise ValueError(f"{target.scheme}: not an address that Apprise can read")
        if not service.verify_certificate:
            raise ValueError(f"{target.scheme}: verify=no is refused: anybody could listen")
        self._check_host(target, service)
        service.redirects = False
        service.retry = 0
        service.socket_connect_timeout = service.socket_read_timeout = seconds
        return service

    def _check_host(self, target: _Target, service: Any) -> None:
        host = str(getattr(service, "host", "") or "")
        is_plain = target.scheme in _PLAIN
        origin = Origin("http" if is_plain else "https", host, getattr(service, "port", 0) or 0)
        try:
            check_base(origin, allow_private=self._options.allow_private)
        except AddressRefusedError as error:
            raise ValueError(f"{target.scheme}: {self._redactor.text(str(error))}") from None


def refusal_of(lines: Sequence[str]) -> int | None:
    """The HTTP status of a refusal, which Apprise tells only in the line that it logs of it.

    >>> refusal_of(["Failed to send JSON POST notification: Not Found, error=404."])
    404
    >>> refusal_of(["A Connection error occurred sending JSON notification to a.example."])
    """
    found = [int(match[1]) for line in lines for match in _STATUS.finditer(line)]
    return found[-1] if found else None


_REMEDY = "see that the address is right: `apprise -vv` with it says more"


def _error(scheme: str, status: int | None) -> DeliveryError:
    if status is None:
        return UnreachableError(f"{scheme}: Apprise could not deliver it", remedy=_REMEDY)
    if status in _RETRIABLE or status >= 500:
        return UnreachableError(f"{scheme}: HTTP {status}", remedy="the service is busy")
    redirected = "; redirects are not followed" if 300 <= status < 400 else ""
    return RejectedError(f"{scheme}: HTTP {status}{redirected}", _REMEDY)


def _lines(result: Any) -> list[str]:
    return [
        str(entry.message)
        for outcome in result.results
        for attempt in outcome.attempts
        for entry in attempt.logs
    ]


def _asset() -> Any:
    """What holds for every service: nothing is kept on disk, no text is a template or an escape."""
    import apprise

    return apprise.AppriseAsset(
        app_id="revops",
        app_desc="revops_pipelines",
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        secure_logging=True,
        http_redirects=False,
        async_mode=False,
        interpret_escapes=False,
        allow_templates=False,
    )


class _Quiet(logging.Filter):
    """Leaves of the library's log what it warns of: all else quotes addresses and messages.

    What it warns of is also how it tells the status of a refusal.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_QUIET = _Quiet()


def _target(url: str) -> _Target:
    scheme, divider, _ = url.partition("://")
    if not divider:
        raise ValueError("an address is written as scheme://...")
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    return _Target(visible(scheme.lower())[:20], f"{scheme.lower()[:20]}-{digest}", url)


def _secrets(targets: Sequence[_Target]) -> Iterator[str]:
    """The addresses and every part of them that could be a key."""
    for target in targets:
        rest = target.url.partition("://")[2]
        yield target.url
        yield rest
        yield from re.split(r"[/?&:@=]", rest.partition("/")[2])


def _title(message: Message) -> str:
    return clip(_inert(message_title(message)), _LONGEST_TITLE)


def _text(message: Message, most: int) -> str:
    parts = [_inert(message.note)] if message.note else []
    if not message.is_digest:
        parts += _lines_of(message.events[0])
    else:
        parts += [f"- {_inert(title(told))}" for told in message.events[:most]]
        if len(message.events) > most:
            parts.append(f"and {len(message.events) - most} more")
    return clip("\n".join(parts), _LONGEST_TEXT)


def _lines_of(told: Told) -> Iterator[str]:
    for label, value in facts(told):
        yield f"{_inert(label)}: {_inert(value)}"
    if step := what_to_do(told):
        yield _inert(step)
    if url := record_url(told):
        yield url
    for action in told.actions:
        yield f"{action.label}: {action.url}"


def _inert(text: str) -> str:
    """Text of others without what any service makes a mention, a link or a tag of."""
    return _MENTION.sub("@\u200a", visible(text).translate(_SIGNS))


CHANNEL = ChannelKind(
    name="apprise",
    title="Apprise",
    options=AppriseOptions,
    secrets={"urls": "APPRISE_URLS"},
    connect=Apprise,
)
