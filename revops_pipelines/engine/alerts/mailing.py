"""One SMTP session with a deadline that nothing can stretch.

Belongs here: connecting, TLS, log-in, and the result of each recipient. Does not: what a mail says,
or to whom it goes.

Python's smtplib sets its time limit anew with each byte of an answer, connects to any address, and
puts the server's words into its errors; here every wait is cut to what is left of the deadline,
private addresses are refused unless allowed, and an error names the status codes only.
(RFC 5321 section 4.2.1: 4yz passes by itself, 5yz is for good; RFC 3463: enhanced codes)
"""

from __future__ import annotations

import io
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from revops_pipelines.engine.alerts.channel import RejectedError, UnreachableError
from revops_pipelines.engine.alerts.posting import Deadline
from revops_pipelines.engine.ingest.address import Origin, check_peer
from revops_pipelines.engine.ingest.errors import AddressRefusedError

_Done = TypeVar("_Done")
Security = Literal["starttls", "tls", "none"]
# A server may answer in several lines; one that never stops is no mail server.
_ANSWER_BYTES = 65536
_ENHANCED = re.compile(rb"([245]\.\d{1,3}\.\d{1,3})\b")
_TAKES = (250, 251)
_NETWORK = "see that the server's name and port are right and can be reached from here"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in, and how: with STARTTLS, TLS from the start, or none (loopback)."""

    host: str
    port: int
    security: Security
    helo: str
    user: str = ""
    password: str = field(default="", repr=False)
    allow_private: bool = False
    certificates: Callable[[], ssl.SSLContext] = field(
        default=ssl.create_default_context, repr=False
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of each recipient: taken, refused for now, refused for good; with the codes."""

    taken: tuple[str, ...] = ()
    later: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    said: str = ""


class MailSession:
    """An open session; use it as a context manager.

    All methods raise UnreachableError or RejectedError; their texts hold no address and none of the
    server's words.
    """

    def __init__(self, server: MailServer, deadline: Deadline) -> None:
        self._server = server
        self._deadline = deadline
        self._smtp = _Smtp(server, deadline)

    def __enter__(self) -> MailSession:
        opened = False
        try:
            self._guarded(self._open)
            opened = True
        finally:
            if not opened:
                self._smtp.leave()
        return self

    def __exit__(self, *_error: object) -> None:
        self._smtp.leave()

    def send(self, sender: str, recipients: Sequence[str], mail: bytes) -> Taken:
        """Hand in one mail; it is taken when at least one recipient is and the server says so."""
        return self._guarded(lambda: self._send(sender, recipients, mail))

    def _open(self) -> None:
        smtp, server = self._smtp, self._server
        smtp.begin()
        smtp.ehlo_or_helo_if_needed()
        if server.security == "starttls":
            if not smtp.has_extn("starttls"):
                raise RejectedError(
                    f"{server.host} offers no encryption (STARTTLS); nothing was sent",
                    'use port 465 with security = "tls", or another server',
                )
            smtp.starttls(context=server.certificates())
            smtp.ehlo_or_helo_if_needed()
        if server.user:
            self._log_in()

    def _log_in(self) -> None:
        smtp, server = self._smtp, self._server
        offered = smtp.esmtp_features.get("auth", "").upper().split()
        if not {"PLAIN", "LOGIN", "CRAM-MD5"} & set(offered):
            raise smtplib.SMTPNotSupportedError
        smtp.login(server.user, server.password)

    def _send(self, sender: str, recipients: Sequence[str], mail: bytes) -> Taken:
        smtp = self._smtp
        self._expect(smtp.mail(sender), "MAIL")
        results = {recipient: smtp.rcpt(recipient) for recipient in recipients}
        taken = tuple(each for each, (code, _) in results.items() if code in _TAKES)
        refused = {each: _codes(*said) for each, said in results.items() if said[0] // 100 == 5}
        later = {
            each: _codes(*said)
            for each, said in results.items()
            if each not in taken and each not in refused
        }
        if not taken:
            smtp.rset()
            return Taken(later=later, refused=refused)
        answer = smtp.data(mail)
        self._expect(answer, "DATA")
        return Taken(taken, later, refused, _codes(*answer))

    def _expect(self, answer: tuple[int, bytes], command: str) -> None:
        if answer[0] != 250:
            raise self._error(_codes(*answer), command)

    def _error(self, codes: str, command: str) -> UnreachableError | RejectedError:
        text = f"{self._server.host}: {codes} to {command}"
        if codes.startswith("SMTP 5"):
            return RejectedError(text, _REMEDIES.get(command, ""))
        return UnreachableError(text, remedy="the server is busy: try again later")

    def _guarded(self, work: Callable[[], _Done]) -> _Done:
        """Run it; what a library raises becomes ours, outside of the handler and unchained."""
        try:
            return work()
        except (smtplib.SMTPException, AddressRefusedError, _TooMuchError, OSError) as error:
            problem = self._problem(error)
        raise problem

    def _problem(self, error: Exception) -> UnreachableError | RejectedError:
        host = self._server.host
        if isinstance(error, smtplib.SMTPResponseException):
            is_login = isinstance(error, smtplib.SMTPAuthenticationError)
            codes = _codes(error.smtp_code, error.smtp_error)
            return self._error(codes, "AUTH" if is_login else "connect")
        if isinstance(error, AddressRefusedError):
            return RejectedError(str(error), "set allow_private = true for a server of your own")
        for kind, problem, reason, remedy in _PROBLEMS:
            if isinstance(error, kind):
                return problem(f"{host}: {reason}", remedy=remedy)
        late = self._deadline.left() <= 0
        reason = "total deadline passed" if late else "no connection, or lost before an answer"
        return UnreachableError(f"{host}: {reason}", remedy=_NETWORK)


_REMEDIES = {
    "AUTH": "mend user and password: some providers want a password for this program alone",
    "MAIL": "the server does not let this sender write: mend sender",
    "DATA": "the server refuses what is written: its log says why",
}


class _TooMuchError(Exception):
    """An answer is longer than any honest one."""


_PROBLEMS: tuple[tuple[type[Exception], type[UnreachableError | RejectedError], str, str], ...] = (
    (_TooMuchError, RejectedError, "an answer without end", _NETWORK),
    (
        ssl.SSLCertVerificationError,
        UnreachableError,
        "the certificate was not accepted",
        "give the server's name as its certificate has it",
    ),
    (
        ssl.SSLError,
        UnreachableError,
        "no encryption in common",
        "see that security is the right one for this port",
    ),
    (
        smtplib.SMTPNotSupportedError,
        RejectedError,
        "no way to log in in common",
        "leave user empty, or choose another security",
    ),
)


class _Reader(io.RawIOBase):
    """What comes in; every wait is cut to what is left of the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._sock, self._deadline = sock, deadline
        self._bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._deadline))
        size = self._sock.recv_into(buffer)
        self._bytes += size
        if self._bytes > _ANSWER_BYTES:
            raise _TooMuchError
        return size


class _Smtp(smtplib.SMTP):
    """smtplib's protocol over a socket of ours."""

    def __init__(self, server: MailServer, deadline: Deadline) -> None:
        super().__init__(local_hostname=server.helo)
        self._server = server
        self._deadline = deadline
        self._host = server.host  # what STARTTLS checks the certificate against

    def begin(self) -> None:
        """Connect, with TLS if it comes first, and read the greeting."""
        self.sock = _connect(self._server, self._deadline)
        if self._server.security == "tls":
            self.sock.settimeout(_left(self._deadline))
            context = self._server.certificates()
            self.sock = context.wrap_socket(self.sock, server_hostname=self._server.host)
        code, said = self.getreply()
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)

    def getreply(self) -> tuple[int, bytes]:
        """The server's answer; see smtplib."""
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Reader(self.sock, self._deadline))
        return super().getreply()

    def send(self, s: Any) -> None:
        """Send it all, or fail at the deadline."""
        if self.sock is not None:
            self.sock.settimeout(_left(self._deadline))
        super().send(s)

    def leave(self) -> None:
        """Say good-bye without waiting for it, and close."""
        try:
            if self.sock is not None:
                self.sock.settimeout(max(0.0, min(0.2, self._deadline.left())))
                self.sock.sendall(b"QUIT\r\n")
        except OSError:
            pass
        self.close()


def _connect(server: MailServer, deadline: Deadline) -> socket.socket:
    """A connection to the first of the host's addresses that answers and may be spoken to."""
    origin = Origin("smtp", server.host.lower(), server.port)
    problem: OSError | None = None
    for family, kind, protocol, _, address in socket.getaddrinfo(
        server.host, server.port, type=socket.SOCK_STREAM
    ):
        check_peer(origin, str(address[0]), allow_private=server.allow_private)
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(deadline))
            sock.connect(address)
        except OSError as error:
            sock.close()
            problem = error
        else:
            return sock
    raise problem or OSError("no address")


def _left(deadline: Deadline) -> float:
    left = deadline.left()
    if left <= 0:
        raise TimeoutError
    return left


def _codes(code: int, said: bytes | str) -> str:
    """The status codes of an answer: `SMTP 550 5.1.1`; never its words, which may hold anything."""
    text = said if isinstance(said, bytes) else said.encode("utf-8", "replace")
    enhanced = _ENHANCED.match(text)
    return f"SMTP {code}" + (f" {enhanced[1].decode()}" if enhanced else "")
