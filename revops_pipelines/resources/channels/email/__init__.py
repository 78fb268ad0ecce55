"""E-mail by SMTP: to the one whom an alert is for, else to the channel's own addresses.

Belongs here: the channel's options, and what becomes of a message's letters. Does not: who gets
which letter (`letters`), how one looks (`mime`), or SMTP (`engine.alerts.mailing`).

An alert goes to its receiver where the address is known, else to `to`. A digest is one letter for
each person, with their own alerts; a try that was cut short goes on with those who have none yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from pydantic import Field, field_validator

from revops_pipelines.engine.alerts.channel import (
    ChannelKind,
    ChannelOptions,
    DeliveryError,
    Draft,
    Message,
    Place,
    Receipt,
    RejectedError,
    UnreachableError,
)
from revops_pipelines.engine.alerts.mailing import MailServer, MailSession, Security
from revops_pipelines.engine.alerts.posting import Deadline
from revops_pipelines.engine.ingest.address import Origin
from revops_pipelines.resources.channels.email.letters import (
    Letter,
    is_address,
    letters_of,
    target_of,
)
from revops_pipelines.resources.channels.email.mime import Stationery, reference_of, written


class EmailOptions(ChannelOptions):
    """`[channels.email]`: the password is a secret and comes from the environment."""

    host: str = Field("", description="Name of the SMTP server that takes our mail.")
    port: int = Field(587, ge=1, le=65535, description="587 with starttls, 465 with tls.")
    security: Security = Field(
        "starttls", description="starttls, tls from the start, or none (on this machine only)."
    )
    user: str = Field("", description="Whom to log in as; empty: no log-in.")
    sender: str = Field("", description="Address that the alerts come from.")
    to: tuple[str, ...] = Field(
        (), description="Who gets what is for nobody whose address is known."
    )
    subject_prefix: str = Field("[revops] ", description="Begins every subject, for mail filters.")
    personal: bool = Field(
        True, description="An alert goes to its receiver alone, where the address is known."
    )
    allow_private: bool = Field(False, description="Let the server be in a private network.")
    deadline_seconds: float = Field(
        5.0, gt=0, le=5, description="How long one send may take, from connecting to the last byte."
    )

    @field_validator("to")
    @classmethod
    def _addresses(cls, to: tuple[str, ...]) -> tuple[str, ...]:
        for address in to:
            if not is_address(address):
                raise ValueError(f"{address!r} is no plain mail address")
        return to


class Email:
    """A mail server, and the addresses that get what is for nobody in particular."""

    def __init__(self, place: Place) -> None:
        options: EmailOptions = place.options
        _check(place.name, options, place.secrets.get("password", ""))
        self._options = options
        self._server = MailServer(
            host=options.host,
            port=options.port,
            security=options.security,
            helo=options.sender.rpartition("@")[2],
            user=options.user,
            password=place.secrets.get("password", ""),
            allow_private=options.allow_private,
        )
        self._stationery = Stationery(options.sender, options.subject_prefix, place.name)

    def __repr__(self) -> str:
        return "Email(***)"

    def send(self, message: Message) -> Receipt:
        """Send the letters that are not there yet; see `Sender`."""
        letters = self._letters(message)
        deadline = Deadline(self._options.deadline_seconds)
        done = _Done()
        problem: DeliveryError | None = None
        try:
            with MailSession(self._server, deadline) as session:
                for letter in letters:
                    self._post(session, message, letter, done)
        except DeliveryError as error:
            problem = error
        if problem is None:
            return done.receipt(message)
        if isinstance(problem, RejectedError) and not done.taken:
            raise problem
        raise UnreachableError(
            str(problem),
            # What is left goes at once when it was only time that ran out.
            timedelta(0) if done.taken and deadline.left() <= 0 else None,
            problem.remedy,
            done.taken,
        )

    def drafts(self, message: Message) -> Sequence[Draft]:
        """What would be mailed; see `Drafting`."""
        place = f"smtp://{self._server.host}:{self._server.port} ({self._server.security})"
        return [
            Draft(
                place,
                {"MAIL FROM": self._stationery.sender, "RCPT TO": ", ".join(letter.to)},
                written(message, letter, self._stationery).decode("ascii"),
            )
            for letter in self._letters(message)
        ]

    def _letters(self, message: Message) -> list[Letter]:
        letters = letters_of(message, self._options.to, personal=self._options.personal)
        if any(not letter.to for letter in letters):
            raise RejectedError(
                "nobody to write to: the alert's receiver has no known address, and to is empty",
                "name somebody in to",
            )
        return letters

    def _post(self, session: MailSession, message: Message, letter: Letter, done: _Done) -> None:
        left = [address for address in letter.to if target_of(address) not in message.taken]
        if not left:
            return
        mail = written(message, letter, self._stationery)
        result = session.send(self._stationery.sender, left, mail)
        called = reference_of(message, letter, self._stationery)
        done.taken.update({target_of(address): called for address in result.taken})
        done.refused.update(_by_target(result.refused.items()))
        done.later.update(_by_target(result.later.items()))
        done.said = result.said or done.said


class _Done:
    """What became of a message's letters so far, by target."""

    def __init__(self) -> None:
        self.taken: dict[str, str] = {}
        self.later: dict[str, str] = {}
        self.refused: dict[str, str] = {}
        self.said = ""

    def receipt(self, message: Message) -> Receipt:
        """Raises what is still to be done, or could not be."""
        codes = "; ".join(sorted({*self.later.values(), *self.refused.values()}))
        if self.later:
            raise UnreachableError(
                f"mail: {codes}", remedy="the receiver's server asks for patience", taken=self.taken
            )
        if self.refused and not (self.taken or message.taken):
            raise RejectedError(f"mail: {codes}", "see that the receiver's address is right")
        people = len(self.taken)
        return Receipt(
            said=f"{self.said}, taken for {people} address{'' if people == 1 else 'es'}",
            references=self.taken,
            refused=self.refused,
        )


def _by_target(results: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {target_of(address): codes for address, codes in results}


def _check(name: str, options: EmailOptions, password: str) -> None:
    if not options.host or not is_address(options.sender):
        raise ValueError(f"[channels.{name}] needs host and sender, the address alerts come from")
    if not options.host.isprintable() or any(sign in options.host for sign in " /@"):
        raise ValueError(f"[channels.{name}] host is no name of a server")
    if options.user and not password:
        raise ValueError(f"[channels.{name}] has a user but its password is not set")
    is_here = Origin("smtp", options.host.lower(), options.port).is_loopback
    if options.security == "none" and not is_here:
        raise ValueError(f'[channels.{name}] security = "none" is for this machine only')


CHANNEL = ChannelKind(
    name="email",
    title="E-mail",
    options=EmailOptions,
    secrets={"password": "SMTP_PASSWORD"},
    connect=Email,
    optional_secrets=frozenset({"password"}),
)
