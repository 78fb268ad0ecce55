"""Writes the mails as pages that a browser opens, for whoever wants to look at them.

    PYTHONPATH=tests/channels python tests/channels/mail_sample.py FOLDER

makes `alert.html`, `resolved.html` and `digest.html` in that folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from receiver import Receiver, Seen
from rigs import RIGS, parsed
from samples import ACTIONS, digest_of_a_week, message, told

from revops_pipelines.engine.alerts.channel import Message


def samples() -> dict[str, Message]:
    """The messages that are looked at."""
    alert = told(severity="critical", actions=ACTIONS)
    return {
        "alert": message(alert, note="held by quiet hours"),
        "resolved": message(told(kind="resolved")),
        "digest": digest_of_a_week(48),
    }


def page_of(sample: Message) -> str:
    """The HTML of the message's first mail."""
    channel = RIGS["email"].channel(Receiver(port=9))
    [draft, *_] = channel.sender.drafts(sample)  # type: ignore[attr-defined]
    html: str = parsed(Seen("", {}, draft.body.encode())).get_body(("html",)).get_content()
    return html


def write_samples(folder: Path) -> list[Path]:
    """The pages, in that folder."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, sample in samples().items():
        path = folder / f"{name}.html"
        path.write_text(page_of(sample), encoding="utf-8")
        written.append(path)
    return written


if __name__ == "__main__":
    for written_path in write_samples(Path(sys.argv[1])):
        print(written_path)
