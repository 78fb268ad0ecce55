"""Which addresses may be spoken to: one origin, and no private corner of the network.

Belongs here: the origin rule for URLs that a server hands out and the rule for IP addresses. Does
not: sending anything (`transport.py`).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from revops_pipelines.engine.ingest.errors import AddressRefusedError

_DEFAULT_PORTS = {"http": 80, "https": 443}
# A backslash or a control character makes parsers disagree about where the host ends.
_AMBIGUOUS = re.compile(r"[\x00-\x20\x7f\\]")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a base URL; what every later URL must share."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the origin names this machine explicitly."""
        address = _ip(self.host)
        return self.host == "localhost" or (address is not None and address.is_loopback)


def origin_of(url: str) -> Origin:
    """The origin of an absolute URL. Raises AddressRefusedError for anything else or ambiguous."""
    if _AMBIGUOUS.search(url):
        raise AddressRefusedError("a URL with blanks, control characters or backslashes is refused")
    try:
        parsed = parse_url(url)
    except LocationParseError:
        parsed = parse_url("")
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.host or parsed.auth:
        raise AddressRefusedError(
            "not a plain http(s) URL with a host and without user information"
        )
    host = parsed.host.strip("[]").lower().rstrip(".")
    return Origin(parsed.scheme, host, parsed.port or _DEFAULT_PORTS[parsed.scheme])


def check_base(origin: Origin, *, allow_private: bool) -> None:
    """Refuse plain HTTP and private addresses, unless on loopback or allowed by a setting."""
    if origin.is_loopback or allow_private:
        return
    if origin.scheme != "https":
        raise AddressRefusedError(f"{origin.host}: plain http is refused; use https")
    if _ip(origin.host) is not None:
        check_peer(origin, origin.host, allow_private=False)


def check_peer(origin: Origin, peer: str, *, allow_private: bool) -> None:
    """Refuse a connection whose far end is not a public address (a name may point anywhere)."""
    address = _ip(peer)
    if allow_private and address is not None and not address.is_link_local:
        return
    if origin.is_loopback and address is not None and address.is_loopback:
        return
    if address is None or not address.is_global or address.is_multicast:
        raise AddressRefusedError(f"{origin.host} leads to {peer}, which is not a public address")


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.split("%", 1)[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
