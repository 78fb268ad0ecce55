"""Apprise: held to what all channels promise, though the library promises less."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from receiver import SECRET, web_receiver
from rigs import KINDS, RIGS
from samples import HOSTILE, message, told

from revops_pipelines.engine.alerts.channel import Place, RejectedError, UnreachableError
from revops_pipelines.resources.channels.apprise import Apprise, refusal_of


def good(_seen: object) -> tuple[int, bytes]:
    return 200, b""


def connected(*urls: str, **options: object) -> Apprise:
    kind = KINDS["apprise"]
    chosen = kind.options(**options)
    sender = kind.connect(Place("apprise", chosen, Path("unused"), {"urls": "\n".join(urls)}))
    assert isinstance(sender, Apprise)
    return sender


def test_each_address_is_told_by_itself_and_only_once() -> None:
    with web_receiver(good=good) as one, web_receiver(script=["503"], good=good) as other:
        urls = [
            each.url.replace("http://", scheme)
            for each, scheme in ((one, "json://"), (other, "form://"))
        ]
        sender = connected(*urls)
        with pytest.raises(UnreachableError) as first:
            sender.send(message())
        [had] = first.value.taken
        assert had.startswith("json-") and SECRET not in had
        receipt = sender.send(message(taken=frozenset(first.value.taken)))
        assert (len(one.processed), len(other.processed)) == (1, 1)
        assert [name.partition("-")[0] for name in receipt.references] == ["form"]
        assert receipt.said == "taken by form"


def test_one_that_refuses_for_good_does_not_keep_the_others_from_it() -> None:
    with web_receiver(good=good) as one, web_receiver(otherwise="404") as gone:
        receipt = connected(
            one.url.replace("http://", "json://"), gone.url.replace("http://", "xml://")
        ).send(message())
    assert list(receipt.refused.values()) == ["xml: HTTP 404"]
    assert len(receipt.references) == 1


def test_what_the_urls_ask_for_is_not_given() -> None:
    """A redirect that is asked for in the address is not followed all the same."""
    with web_receiver(good=good) as elsewhere, web_receiver(otherwise="307") as pointing:
        pointing.headers = {"Location": elsewhere.url}
        url = pointing.url.replace("http://", "json://") + "?redirect=yes&rto=60&cto=60&retry=5"
        with pytest.raises(RejectedError, match="redirects are not followed"):
            connected(url).send(message())
        assert not elsewhere.seen and len(pointing.seen) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("json://shop.example/x", "plain http is refused"),
        ("jsons://10.0.0.7/x", "not a public address"),
        ("jsons://169.254.169.254/x", "not a public address"),
        ("jsons://shop.example/x?verify=no", "verify=no is refused"),
        ("nosuchservice://x", "not an address that Apprise can read"),
        ("just text", "written as scheme"),
    ],
)
def test_s4_addresses_that_are_refused(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        connected(url)
    assert "/x" not in str(refused.value)


def test_s1_no_address_is_in_a_log_an_error_or_a_repr(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), web_receiver(otherwise="500") as broken:
        sender = connected(broken.url.replace("http://", f"json://user:{SECRET}x@"))
        with pytest.raises(UnreachableError) as raised:
            sender.send(message())
    assert SECRET not in caplog.text + str(raised.value) + repr(sender)
    assert SECRET not in repr(sender.drafts(message()))


def test_s7_nobody_is_called_and_nothing_becomes_a_link() -> None:
    hostile = f"{HOSTILE} @everyone @here @ALL"
    sender = connected("json://127.0.0.1:9/x")
    [draft] = sender.drafts(message(told(headline=hostile, subject=hostile, owner=hostile)))
    for sign in ("<!channel>", "<@", "](", "<script", "@everyone", "@here", "@ALL"):
        assert sign not in draft.body
    assert "@\u200aeveryone" in draft.body


def test_a_digest_names_the_first_and_counts_the_rest() -> None:
    [draft] = connected("json://127.0.0.1:9/x").drafts(
        message(*(told(f"crm:{n}", headline=f"H{n}.") for n in range(30)))
    )
    assert draft.body.count("- H") == 10 and "and 20 more" in draft.body


def test_the_status_is_read_out_of_the_line() -> None:
    assert refusal_of(["x error=404.", "y, error=503."]) == 503
    assert refusal_of(["code=12345", "no status"]) is None
    assert RIGS["apprise"].busy == "503"
