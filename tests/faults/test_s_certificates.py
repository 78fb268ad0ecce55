"""Row S9: whoever cannot show a certificate that is vouched for is told nothing."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from revops_pipelines.engine.alerts.channel import UnreachableError
from revops_pipelines.engine.alerts.posting import Post, WebOptions
from revops_pipelines.engine.ingest.address import origin_of
from revops_pipelines.engine.ingest.errors import NetworkError
from revops_pipelines.engine.ingest.transport import Caps, Transport
from revops_pipelines.resources.pinging import PingError, ping

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
SAID = "the certificate was not accepted"


@pytest.fixture(scope="module")
def impostor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str]]]:
    """A server whose certificate is its own word; its address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers}")
            self.send_response(200)
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path_factory.mktemp("certificate") / "own.pem"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def _certificate(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        # Valid for ever: what is wrong with it is only who signed it.
        .not_valid_before(datetime(2000, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2000, 1, 1, tzinfo=UTC) + timedelta(days=100 * 365))
        .add_extension(x509.SubjectAlternativeName([address]), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def test_s9_a_vendor_without_a_good_certificate_is_sent_nothing(
    impostor: tuple[str, list[str]],
) -> None:
    url, asked = impostor
    transport = Transport(origin_of(url), Caps())
    headers = {"Authorization": "Bearer canary"}
    request = requests.Request("GET", f"{url}/items", headers=headers).prepare()
    with pytest.raises(NetworkError, match=SAID):
        transport.send(request, seconds=5, body_bytes=1000)
    transport.close()
    assert asked == []


def test_s9_a_receiver_without_a_good_certificate_is_told_nothing(
    impostor: tuple[str, list[str]],
) -> None:
    url, asked = impostor
    with pytest.raises(UnreachableError, match=SAID) as refused:
        Post(f"{url}/hook/canary", WebOptions())(b"{}", {}, NOON)
    assert "canary" not in str(refused.value)
    with pytest.raises(PingError, match=SAID):
        ping(f"{url}/canary")
    assert asked == []


def test_s9_nor_is_one_whose_certificate_is_ignored_on_this_machine(
    impostor: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment says about certificates for other programs does not hold for us."""
    url, asked = impostor
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "")
    with pytest.raises(PingError, match=SAID):
        ping(url)
    assert asked == []
