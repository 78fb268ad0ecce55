"""First full loads under latency and limits: every vendor's connector against its floor.

Belongs here: which vendor is loaded at which size, the order of runs, the sums. Does not: a load
(`backfill.py`), the floor (`floor.py`), the peers' own work (`backfill_peers.py`, `singer.py`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import singer
from bench.child import ChildFailedError, in_child
from bench.cost import median
from bench.floor import ALLOWANCES, Floor, floor
from bench.served import Served, served

LATENCY_SECONDS = 0.15
RATIO = 1.5
MEGABYTES = 500.0
Say = Callable[[str], None]
Answer = Mapping[str, Any]

# The company's size for each vendor, so that a load takes some ten to forty seconds.
SIZES: Mapping[str, float] = {
    "hubspot": 0.5,
    "hubspot_marketing": 1.0,
    "marketo": 0.3,
    "stripe": 1.0,
    "salesforce": 1.0,
    "dynamics": 1.0,
    "chargebee": 0.3,
    "ga4": 1.0,
    "plausible": 1.0,
}
# What the vendors allow, where the sandbox's own options are laxer so that the demo is quick.
_AS_DOCUMENTED: Mapping[str, Mapping[str, Any]] = {
    "chargebee": {"requests_per_minute": 150},
    "marketo": {"requests_per_20_seconds": 100, "burst_requests": 20, "rate_reached_seconds": 5},
}
# Who is loaded beside us by others, and with which of them.
_DLT = ("hubspot", "stripe", "chargebee")
_SINGER = ("hubspot",)
# A connector without a limit that would make ten times the company a matter of hours.
MEMORY_VENDORS = ("stripe", "salesforce", "dynamics")
_UNLIMITED: Mapping[str, Mapping[str, Any]] = {
    "stripe": {"requests_per_second": 1e9, "endpoint_requests_per_second": 1e9},
}


@dataclass(frozen=True, slots=True)
class Peer:
    """Another tool on the same server; `failed` says why there are no figures."""

    name: str
    lists: int = 0
    records: int = 0
    calls: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """A vendor's full load: medians of its runs, and its floor (that of the median run).

    `wall` is from the first request to the committed tables; `load` is the time that loading took
    within it, most of it while other streams were still pulled.
    """

    vendor: str
    size: float
    runs: int
    records: int
    calls: int
    refused: int
    wall: float
    load: float
    cpu: float
    answer_seconds: float
    server_cpu: float
    floor: Floor
    megabytes: float
    why: str
    peers: tuple[Peer, ...] = ()

    @property
    def ratio(self) -> float:
        """The whole against the floor."""
        return self.wall / self.floor.seconds


@dataclass(frozen=True, slots=True)
class Held:
    """Memory of one load without limits or latency, in megabytes."""

    vendor: str
    size: float
    records: int
    landed: float
    base: float
    peak: float


@dataclass(frozen=True, slots=True)
class Backfills:
    """What the suite found."""

    loads: tuple[Load, ...]
    held: tuple[Held, ...]
    notes: tuple[str, ...] = field(default=())


def backfill(
    vendors: Sequence[str], factor: float, runs: int, with_peers: bool, say: Say
) -> Iterator[Load]:
    """Load each vendor as often as asked, at `factor` times its usual size."""
    for vendor in vendors:
        size = SIZES[vendor] * factor
        say(f"backfill, {vendor}, scale {size:g}: starting the sandbox")
        with served(size, limits=True, systems=[vendor], latency_seconds=LATENCY_SECONDS) as server:
            ours = []
            for run in range(runs):
                say(f"backfill, {vendor}, scale {size:g}: {run + 1} of {runs}")
                ours.append(_once(server, vendor))
            peers = tuple(_peers(server, vendor, ours[-1], say)) if with_peers else ()
        yield _summed(vendor, size, ours, peers)


def memory(sizes: Sequence[float], say: Say) -> Iterator[Held]:
    """The most memory that a load holds, at several sizes of the company."""
    for vendor in MEMORY_VENDORS:
        for size in sizes:
            say(f"memory, {vendor}, scale {size:g}")
            with served(size, systems=[vendor]) as server, _folder() as folder:
                answer = in_child(
                    "bench.backfill:full_load",
                    handle=server.handle,
                    folder=folder,
                    vendor=vendor,
                    options=_UNLIMITED.get(vendor, {}),
                )
            yield Held(
                vendor,
                size,
                int(answer["records"]),
                *(answer[name] / 1e6 for name in ("bytes", "base", "peak")),
            )


def _once(server: Served, vendor: str) -> dict[str, Any]:
    before, worked = server.calls(vendor), server.cpu_seconds()
    with _folder() as folder:
        answer = in_child(
            "bench.backfill:full_load",
            handle=server.handle,
            folder=folder,
            vendor=vendor,
            options=_AS_DOCUMENTED.get(vendor, {}),
        )
    answer["calls"] = server.calls(vendor) - before
    answer["server_cpu"] = server.cpu_seconds() - worked
    return dict(answer)


def _summed(vendor: str, size: float, answers: Sequence[Answer], peers: tuple[Peer, ...]) -> Load:
    middle = sorted(answers, key=lambda each: each["wall"])[(len(answers) - 1) // 2]
    requests = middle["requests"]
    busy = sum(ended - began for began, ended, *_ in requests)

    def of(name: str) -> float:
        return median([each[name] for each in answers])

    asked = [(method, url) for _, _, method, url, _, status in requests if status != 429]
    return Load(
        vendor=vendor,
        size=size,
        runs=len(answers),
        records=int(middle["records"]),
        calls=int(middle["calls"]),
        refused=sum(1 for *_, status in requests if status == 429),
        wall=of("wall"),
        load=of("load_wall"),
        cpu=of("cpu"),
        answer_seconds=busy / max(1, len(requests)),
        server_cpu=of("server_cpu"),
        floor=floor(asked, ALLOWANCES[vendor], LATENCY_SECONDS, of("server_cpu")),
        megabytes=of("peak") / 1e6,
        why=ALLOWANCES[vendor].why,
        peers=peers,
    )


def _peers(server: Served, vendor: str, ours: Answer, say: Say) -> Iterator[Peer]:
    requests = [[method, url] for _, _, method, url, *_ in ours["requests"]]
    if vendor in _DLT:
        say(f"backfill, {vendor}: dlt")
        yield _peer(server, vendor, "dlt", "bench.backfill_peers:dlt", requests)
    if vendor in _SINGER:
        say(f"backfill, {vendor}: a Singer tap and target")
        try:
            commands = singer.commands(say)
        except singer.NotInstalledError as error:
            yield Peer("Singer", failed=str(error))
            return
        yield _peer(server, vendor, "Singer", "bench.singer:run", requests, commands=commands)


def _peer(
    server: Served, vendor: str, name: str, work: str, requests: list[list[str]], **more: Any
) -> Peer:
    before = server.calls(vendor)
    with _folder() as folder:
        try:
            found = in_child(
                work, handle=server.handle, folder=folder, vendor=vendor, requests=requests, **more
            )
        except ChildFailedError as error:
            return Peer(name, failed=str(error)[-300:], calls=server.calls(vendor) - before)
    return Peer(
        name,
        int(found["lists"]),
        int(found["records"]),
        server.calls(vendor) - before,
        found["wall"],
        found["cpu"],
    )


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="revops-bench-")
