"""Mail: who gets which letter, threads, partial refusals, encryption, and what is never sent."""

from __future__ import annotations

import ipaddress
import json
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from receiver import SECRET, Receiver, mail_receiver
from rigs import RIGS, parsed
from samples import digest_of_a_week, hostile, message, told

from revops_pipelines.engine.alerts.channel import (
    Place,
    Receipt,
    RejectedError,
    UnreachableError,
)
from revops_pipelines.engine.alerts.mailing import MailServer, MailSession
from revops_pipelines.engine.alerts.posting import Deadline
from revops_pipelines.resources.channels.email import Email, EmailOptions
from revops_pipelines.resources.channels.email.letters import is_address, letters_of, target_of

RIG = RIGS["email"]
SAM = {"name": "Sam Seller", "email": "Sam@Example.com", "role": "owner", "why": ""}


def test_an_alert_goes_to_its_receiver_else_to_the_channel() -> None:
    def to(personal: bool = True, **receiver: Any) -> tuple[str, ...]:
        [letter] = letters_of(
            message(told(receiver=receiver or None)), ("ops@example.com",), personal=personal
        )
        return letter.to

    assert to(**SAM) == ("sam@example.com",)
    assert to(**SAM, personal=False) == ("ops@example.com",)
    assert to() == to(**SAM | {"email": ""}) == ("ops@example.com",)
    assert to(**SAM | {"email": "sam@example.com, eve@evil.example"}) == ("ops@example.com",)


def test_a_digest_is_a_letter_for_each_person_with_their_own_alerts() -> None:
    digest = digest_of_a_week()
    letters = letters_of(digest, ("ops@example.com",), personal=True)
    assert {letter.to[0] for letter in letters} == {
        "sam@example.com",
        "lea@example.com",
        "ops@example.com",
    }
    assert sum(len(letter.events) for letter in letters) == len(digest.events)
    with RIG.receiving() as receiver:
        receipt = RIG.channel(receiver).sender.send(digest)
        assert receipt is not None and len(receipt.references) == 3
        assert receiver.commands.count("EHLO") == 1, "one session for all"
    for seen in receiver.processed:
        mail = parsed(seen)
        [letter] = [letter for letter in letters if letter.to[0] == mail["To"]]
        html = mail.get_body(("html",)).get_content()
        for event in digest.events:
            assert (event.notice["subject"] in html) == (event in letter.events)
        assert "Alerts by rule" in html and "When they happened" in html
        assert "Digest of 30 June 2026: " in mail["Subject"]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("a@b.example", True),
        ("first.last+tag@sub.example.com", True),
        ("a@b.example\r\nBcc: c@d.example", False),
        ("a@b.example,c@d.example", False),
        ('"a b"@c.example', False),
        ("Sam <a@b.example>", False),
        ("a@b@c.example", False),
        ("a@-b.example", False),
        ("ä@b.example", False),
        ("", False),
    ],
)
def test_only_plain_addresses_are_written_to(text: str, is_one: bool) -> None:
    assert is_address(text) is is_one


def test_an_episode_is_one_thread() -> None:
    sent: dict[str, str] = {}
    with RIG.receiving() as receiver:
        sender = RIG.channel(receiver).sender
        for kind in ("fired", "escalated", "resolved"):
            event = told(kind=kind, thread=dict(sent))
            receipt = sender.send(message(event, message_id=f"id-of-{kind}"))
            assert receipt is not None
            sent = sent or dict(receipt.references)
            assert dict(receipt.references) == sent, "later letters name the first"
    first, *later = (parsed(seen) for seen in receiver.processed)
    assert first["In-Reply-To"] is None
    assert len({mail["Message-ID"] for mail in (first, *later)}) == 3
    for mail in later:
        assert mail["In-Reply-To"] == mail["References"] == first["Message-ID"]
        assert mail["Subject"] == f"Re: {first['Subject']}"
    assert "Resolved: Lead unanswered" in later[1].get_body(("plain",)).get_content()


def two(receiver: Receiver) -> Any:
    return RIG.channel(receiver, to=("ops@example.com", "boss@example.com")).sender


def test_who_has_it_is_left_out_of_the_next_try() -> None:
    with RIG.receiving(recipients={"boss@example.com": "450"}) as receiver:
        with pytest.raises(UnreachableError, match="SMTP 450") as failed:
            two(receiver).send(message())
        assert set(failed.value.taken) == {target_of("OPS@example.com")}
        receiver.recipients = {}
        receipt = two(receiver).send(message(taken=frozenset(failed.value.taken)))
    assert set(receipt.references) == {target_of("boss@example.com")}
    assert [seen.path for seen in receiver.processed] == ["ops@example.com", "boss@example.com"]


def test_a_refused_address_does_not_keep_the_others_from_it() -> None:
    with RIG.receiving(recipients={"boss@example.com": "550"}) as receiver:
        receipt: Receipt = two(receiver).send(message())
    assert list(receipt.references) == [target_of("ops@example.com")]
    assert receipt.refused == {target_of("boss@example.com"): "SMTP 550 5.1.1"}


def test_a_session_that_is_cut_goes_on_with_the_letters_that_are_left() -> None:
    digest = digest_of_a_week()
    with RIG.receiving(recipients={"lea@example.com": "450"}) as receiver:
        sender = RIG.channel(receiver).sender
        with pytest.raises(UnreachableError) as failed:
            sender.send(digest)
        assert len(failed.value.taken) == 2
        receiver.recipients = {}
        sender.send(replace(digest, taken=frozenset(failed.value.taken)))
    assert sorted(seen.path for seen in receiver.processed) == [
        "lea@example.com",
        "ops@example.com",
        "sam@example.com",
    ]


def test_nobody_to_write_to_is_told_and_not_dropped() -> None:
    with RIG.receiving() as receiver, pytest.raises(RejectedError, match="nobody to write to"):
        RIG.channel(receiver, to=()).sender.send(message())


def test_no_header_can_be_slipped_in() -> None:
    with RIG.receiving() as receiver:
        RIG.channel(receiver).sender.send(message(hostile(), note="x\r\nBcc: eve@evil.example"))
    [seen] = receiver.processed
    assert seen.path == "ops@example.com"
    assert parsed(seen)["Bcc"] is None


def test_the_words_of_the_server_and_the_password_are_in_no_error() -> None:
    with RIG.receiving(extensions=("AUTH PLAIN LOGIN",)) as receiver:
        sender = RIG.channel(receiver, user="sam@example.com").sender
        with pytest.raises(RejectedError, match=r"SMTP 535 5\.7\.8 to AUTH") as refused:
            sender.send(message())
    assert refused.value.__cause__ is None and refused.value.__context__ is None
    assert "sam@example.com" not in str(refused.value)
    for hidden in (SECRET, "hunter2"):
        assert hidden not in str(refused.value) + repr(sender) + repr(vars(sender))
    assert "password" in refused.value.remedy


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"host": ""}, "needs host and sender"),
        ({"sender": "not an address"}, "needs host and sender"),
        ({"host": "mail.example", "security": "none"}, "for this machine only"),
        ({"host": "mail.example/x"}, "no name of a server"),
        ({"user": "sam"}, "password is not set"),
    ],
)
def test_what_cannot_work_is_refused_at_once(options: dict[str, Any], said: str) -> None:
    chosen = EmailOptions(**{"host": "127.0.0.1", "sender": "a@b.example", **options})
    with pytest.raises(ValueError, match=said):
        Email(Place("email", chosen, Path("unused")))


def test_addresses_in_the_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="no plain mail address"):
        EmailOptions(to=("ops@example.com, eve@evil.example",))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def encrypting(certificate: Path) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with mail_receiver(extensions=("STARTTLS",), tls=context) as receiver:
        yield receiver


def server(receiver: Receiver, **changed: Any) -> MailServer:
    fields: dict[str, Any] = {"port": receiver.port, "security": "starttls", "helo": "b.example"}
    return MailServer("127.0.0.1", **fields | changed)


def test_encryption_is_used_and_checked(encrypting: Receiver, certificate: Path) -> None:
    trusting = server(
        encrypting, certificates=lambda: ssl.create_default_context(cafile=str(certificate))
    )
    with MailSession(trusting, Deadline(5)) as session:
        result = session.send("a@b.example", ["c@d.example"], b"Subject: x\r\n\r\n.\r\n")
    assert result.taken == ("c@d.example",)
    assert encrypting.commands.count("EHLO") == 2, "what was said in the clear is asked anew"
    assert encrypting.processed[0].body == b"Subject: x\r\n\r\n.\r\n"


def test_s9_a_certificate_that_nobody_vouches_for_is_refused(encrypting: Receiver) -> None:
    with pytest.raises(UnreachableError, match="certificate was not accepted"):
        MailSession(server(encrypting), Deadline(5)).__enter__()
    assert "MAIL" not in encrypting.commands


def test_a_server_that_hides_its_encryption_gets_nothing() -> None:
    with mail_receiver() as plain, pytest.raises(RejectedError, match="offers no encryption"):
        MailSession(server(plain), Deadline(5)).__enter__()
    assert plain.commands == ["EHLO", "QUIT"] or plain.commands == ["EHLO"]


def test_s4_a_private_address_is_refused_unless_it_is_allowed() -> None:
    hidden = MailServer("10.255.255.1", 25, "starttls", "b.example")
    with pytest.raises(RejectedError, match="not a public address") as refused:
        MailSession(hidden, Deadline(0.2)).__enter__()
    assert "allow_private" in refused.value.remedy


def test_what_a_later_letter_needs_is_small_and_plain() -> None:
    with RIG.receiving() as receiver:
        receipt = RIG.channel(receiver).sender.send(message(told(headline="寿" * 3000)))
    assert receipt is not None
    [reference] = receipt.references.values()
    assert len(reference) <= 1000, "or it would be cut where it is kept"
    assert set(json.loads(reference)) == {"id", "subject"}
