"""Which of our servers listen to other machines: Dagster's pages show everything, to anybody.

Belongs here: finding them, where the system tells (Linux). Does not: judging (`doctor`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTENS = "0A"
_OURS = (b"dagster", b"revops")
_ALL = {"00000000": "0.0.0.0", "0" * 32: "[::]"}  # noqa: S104 - what is warned of
# 127.0.0.0/8, ::1 and ::ffff:127.0.0.1 as /proc/net writes them (each word's bytes in the host's
# order, which is little-endian wherever this runs).
_LOOPBACK = ("0" * 24 + "01000000", "0" * 16 + "FFFF0000" + "0100007F")


@dataclass(frozen=True, slots=True)
class Listener:
    """A server that other machines reach: its address and the process behind it."""

    address: str
    port: int
    process: int


def open_to_others(proc: Path = Path("/proc")) -> list[Listener]:
    """Servers of Dagster and of ours that listen on more than this machine's own address."""
    exposed = dict(_exposed(proc))
    if not exposed:
        return []
    found = []
    for folder in proc.iterdir():
        if folder.name.isdigit() and _is_ours(folder):
            found += [
                Listener(*exposed[inode], int(folder.name))
                for inode in _sockets(folder)
                if inode in exposed
            ]
    return sorted(found, key=lambda each: (each.port, each.process))


def _exposed(proc: Path) -> Iterator[tuple[str, tuple[str, int]]]:
    """Inode -> address and port of every listening socket that is not on the loopback."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            is_loopback = address in _LOOPBACK or (len(address) == 8 and address.endswith("7F"))
            if fields[3] == _LISTENS and not is_loopback:
                yield fields[9], (_ALL.get(address, "another address"), int(port, 16))


def _is_ours(folder: Path) -> bool:
    try:
        return any(word in (folder / "cmdline").read_bytes() for word in _OURS)
    except OSError:
        return False


def _sockets(folder: Path) -> Iterator[str]:
    try:
        links = list((folder / "fd").iterdir())
    except OSError:
        # Another user's process.
        return
    for link in links:
        try:
            target = str(link.readlink())
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[len("socket:[") : -1]
