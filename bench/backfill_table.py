"""The backfill's figures as tables for people.

Belongs here: layout. Does not: any figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.backfill_suite import LATENCY_SECONDS, MEGABYTES, RATIO, Backfills, Held, Load, Peer


def show(out: Console, found: Backfills) -> None:
    """Print all tables."""
    if found.loads:
        out.print(_loads(found.loads))
        for load in found.loads:
            _aim(out, f"{load.vendor}, wall / floor", load.ratio, RATIO)
        out.print()
        if any(load.peers for load in found.loads):
            out.print(_peers(found.loads))
            out.print()
    if found.held:
        out.print(_held(found.held))
        for held in found.held:
            _aim(out, f"{held.vendor}, scale {held.size:g}, MB at most", held.peak, MEGABYTES)
        out.print()


def _aim(out: Console, text: str, found: float, most: float) -> None:
    colour, word = ("green", "met") if found <= most else ("red", "missed")
    out.print(f"  {text}: {found:.3g}, aim {most:.3g}: [{colour}]{word}[/]")


def _loads(loads: Sequence[Load]) -> Table:
    table = _table(
        f"First full load, {LATENCY_SECONDS * 1000:.0f} ms an answer, the vendors' limits (seconds)"
    )
    table.add_column("")
    names = (
        "scale",
        "runs",
        "records",
        "calls",
        "answer",
        "wall",
        "of it loading",
        "floor",
        "ratio",
    )
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("floor is set by")
    for load in loads:
        table.add_row(
            load.vendor,
            f"{load.size:g}",
            str(load.runs),
            f"{load.records:,}",
            f"{load.calls:,}" + (f" ({load.refused} refused)" if load.refused else ""),
            f"{load.answer_seconds:.2f}",
            f"{load.wall:.1f}",
            f"{load.load:.1f}",
            f"{load.floor.seconds:.1f}",
            f"{load.ratio:.2f}",
            f"{load.floor.bound}; {load.why}",
        )
    return table


def _peers(loads: Sequence[Load]) -> Table:
    table = _table("The same lists by others (ours: everything; theirs: the lists alone)")
    table.add_column("")
    table.add_column("")
    for name in ("lists", "records", "calls", "wall", "CPU", "wall / ours"):
        table.add_column(name, justify="right")
    for load in loads:
        if not load.peers:
            continue
        table.add_row(
            load.vendor,
            "ours",
            "",
            f"{load.records:,}",
            f"{load.calls:,}",
            f"{load.wall:.1f}",
            f"{load.cpu:.1f}",
            "1",
        )
        for peer in load.peers:
            table.add_row("", *_peer(peer, load.wall))
    return table


def _peer(peer: Peer, ours: float) -> Sequence[str]:
    if peer.failed:
        return (peer.name, "", "", f"{peer.calls:,}", "failed", "", peer.failed[-60:])
    return (
        peer.name,
        str(peer.lists),
        f"{peer.records:,}",
        f"{peer.calls:,}",
        f"{peer.wall:.1f}",
        f"{peer.cpu:.1f}",
        f"{peer.wall / ours:.1f}",
    )


def _held(held: Sequence[Held]) -> Table:
    table = _table("Memory of a full load without limits (megabytes)")
    table.add_column("")
    names = ("scale", "records", "landed", "before", "most")
    for name in names:
        table.add_column(name, justify="right")
    for each in held:
        sizes = (each.landed, each.base, each.peak)
        table.add_row(
            each.vendor,
            f"{each.size:g}",
            f"{each.records:,}",
            *(f"{size:,.0f}" for size in sizes),
        )
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", header_style="bold")


def document(found: Backfills) -> dict[str, Any]:
    """All of it for machines; seconds and megabytes."""
    return {
        "suite": "backfill",
        "loads": [
            {
                **asdict(load),
                "floor_seconds": load.floor.seconds,
                "bound": load.floor.bound,
                "ratio": load.ratio,
                "met": load.ratio <= RATIO,
            }
            for load in found.loads
        ],
        "memory": [{**asdict(each), "met": each.peak <= MEGABYTES} for each in found.held],
    }
