"""The dead man's address: called with a bound, never followed elsewhere, never shown."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from revops_pipelines.resources.pinging import PingError, ping


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        status = int(self.path.rpartition("/")[2])
        self.send_response(status)
        self.send_header("Location", "/elsewhere/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def service() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "said"), [(200, ""), (204, ""), (302, "HTTP 302"), (404, "HTTP 404")]
)
def test_one_call_and_no_other(service: ThreadingHTTPServer, status: int, said: str) -> None:
    service.asked.clear()  # type: ignore[attr-defined]
    url = f"http://127.0.0.1:{service.server_address[1]}/canary/{status}"
    if said:
        with pytest.raises(PingError, match=said) as raised:
            ping(url)
        assert "canary" not in str(raised.value)
    else:
        ping(url)
    assert service.asked == [f"/canary/{status}"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("url", ["canary", "ftp://canary.example", "http://user:canary@a.example"])
def test_what_is_no_web_address_is_said_without_being_shown(url: str) -> None:
    with pytest.raises(PingError) as raised:
        ping(url)
    assert "canary" not in str(raised.value)
