"""Receivers on 127.0.0.1 that behave well, badly, slowly or maliciously, for web and for mail.

What a receiver does to each request is a word, so that a test reads as its fault:

    ok         the channel's own good answer
    drop       take it, then close without an answer
    drip       one byte at a time, for ever
    hang       nothing at all
    html       200 with a page for people
    huge       an answer of a megabyte
    bomb       a kilobyte of gzip that unpacks to a megabyte
    deep       JSON nested a hundred thousand deep
    no         200 with an error in the body
    421, 550   (any number) that status
"""

from __future__ import annotations

import gzip
import json
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a-secret-path-segment"
_BOMB = gzip.compress(b"0" * (1 << 20))
_BODIES: dict[str, tuple[bytes, Mapping[str, str]]] = {
    "html": (b"<html>please log in</html>", {"Content-Type": "text/html"}),
    "huge": (b"x" * (1 << 20), {}),
    "bomb": (_BOMB, {"Content-Encoding": "gzip"}),
    "deep": (b"[" * 60_000, {"Content-Type": "application/json"}),
    "no": (b'{"ok": false, "error": "channel_not_found", "status": "error"}', {}),
}


@dataclass(frozen=True)
class Seen:
    """One request, or one mail handed in; `taken` when its sender could think it was."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """What a receiver is told to do, and what it saw. `url` and `port` say where it is."""

    good: Callable[[Seen], tuple[int, bytes]] = lambda _seen: (200, b"ok")
    script: list[str] = field(default_factory=list)
    otherwise: str = "ok"
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    processed: list[Seen] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    guard: threading.Lock = field(default_factory=threading.Lock)
    # Mail only: what is said to each address, the TLS context, and whether it is offered.
    recipients: Mapping[str, str] = field(default_factory=dict)
    tls: Any = None
    extensions: tuple[str, ...] = ()
    commands: list[str] = field(default_factory=list)

    def next_word(self) -> str:
        with self.guard:
            return self.script.pop(0) if self.script else self.otherwise

    def note(self, seen: Seen, *, is_processed: bool) -> None:
        with self.guard:
            self.seen.append(seen)
            if is_processed:
                self.processed.append(seen)


class _Web(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        seen = Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        word = self.receiver.next_word()
        self.receiver.note(seen, is_processed=word in ("ok", "drop"))
        self.close_connection = True
        with suppress(OSError):
            self._answer(word, seen)

    do_GET = do_POST  # noqa: N815 - the name that http.server calls

    def _answer(self, word: str, seen: Seen) -> None:
        if word == "drop":
            return
        if word == "hang":
            self.receiver.stopping.wait(10)
        elif word == "drip":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            while not self.receiver.stopping.wait(0.02):
                self.wfile.write(b"X")
                self.wfile.flush()
        elif word == "ok":
            self._reply(*self.receiver.good(seen), {})
        elif word in _BODIES:
            self._reply(200, *_BODIES[word])
        else:
            self._reply(int(word), b"nothing to see", self.receiver.headers)

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Mail(socketserver.StreamRequestHandler):
    """Enough of SMTP for one session; the word of the session decides what happens."""

    receiver: Receiver

    def handle(self) -> None:
        with suppress(OSError, ValueError):
            self._session(self.receiver.next_word())
        if self.connection is not self.request:
            self.connection.close()

    def _session(self, word: str) -> None:
        if word == "hang":
            self.receiver.stopping.wait(10)
        elif word == "drip":
            self.wfile.write(b"220")
            while not self.receiver.stopping.wait(0.02):
                self.wfile.write(b"-")
        elif word == "huge":
            while not self.receiver.stopping.is_set():
                self.wfile.write(b"220-more\r\n" * 500)
        elif word in ("html", "bomb", "deep"):
            self.wfile.write(_BODIES[word][0] + b"\r\n")
        else:
            self._say("220 mail.example ready")
            while line := self.rfile.readline(2000):
                if not self._command(line.decode("latin-1").rstrip("\r\n"), word):
                    return

    def _command(self, line: str, word: str) -> bool:
        """Answer one command; False ends the session."""
        name, _, rest = line.partition(" ")
        with self.receiver.guard:
            self.receiver.commands.append(name.upper())
        match name.upper():
            case "EHLO":
                lines = ["mail.example", *self.receiver.extensions]
                for place, extension in enumerate(lines, start=1):
                    self._say(f"250{' ' if place == len(lines) else '-'}{extension}")
            case "MAIL":
                self._to: list[str] = []
                self._say("250 2.1.0 ok")
            case "RCPT":
                self._recipient(rest, word)
            case "DATA":
                return self._data(word)
            case "AUTH":
                self._say("535 5.7.8 no: the password 'hunter2' of sam@example.com is wrong")
            case "STARTTLS":
                self._say("220 go on")
                self.request.settimeout(2)
                self.connection = self.receiver.tls.wrap_socket(self.request, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", 0)
            case "QUIT":
                self._say("221 bye")
                return False
            case _:
                self._say("250 ok")
        return True

    def _recipient(self, rest: str, word: str) -> None:
        address = rest.partition("<")[2].partition(">")[0]
        code = self.receiver.recipients.get(address, word if word.isdigit() else "250")
        if code == "250":
            self._to.append(address)
        self._say(f"{code} {code[0]}.1.1 {address} https://elsewhere.example/")

    def _data(self, word: str) -> bool:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        seen = Seen(",".join(self._to), {}, b"".join(lines))
        self.receiver.note(seen, is_processed=word in ("ok", "drop"))
        if word == "drop":
            return False
        self._say("554 5.6.0 refused" if word == "no" else "250 2.0.0 queued")
        return True

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class _WebServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def _serving(server: Any, receiver: Receiver) -> Iterator[Receiver]:
    receiver.port = server.server_address[1]
    receiver.url = f"http://127.0.0.1:{receiver.port}/hook/{SECRET}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def web_receiver(port: int = 0, **how: Any) -> Any:
    """An HTTP receiver that listens until the end of the block."""
    receiver = Receiver(**how)
    handler = type("Handler", (_Web,), {"receiver": receiver})
    return _serving(_WebServer(("127.0.0.1", port), handler), receiver)


def mail_receiver(port: int = 0, **how: Any) -> Any:
    """An SMTP receiver that listens until the end of the block."""
    receiver = Receiver(**how)
    handler = type("Handler", (_Mail,), {"receiver": receiver})
    return _serving(_MailServer(("127.0.0.1", port), handler), receiver)
