"""The inbox as a page on 127.0.0.1: what arrived, newest first, refreshing by itself.

Belongs here: the page and its server. Does not: writing messages (`Inbox`).

The files are read at each request; the page holds no state. Everything in them is text: the
templates escape it, links are made of web addresses only, and the content policy lets no script run
but our own file.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

HOST = "127.0.0.1"
SHOWN = 100
_WRITTEN_OUT = 10
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def build_page(folder: Path) -> Starlette:
    """The page over the message files of `folder`, which need not exist yet."""
    templates = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset), autoescape=True, undefined=jinja2.StrictUndefined
    )
    templates.filters["web"] = web_address

    def whole(_request: Request) -> Response:
        html = templates.get_template("page.html").render(**_view(folder))
        return Response(html, media_type="text/html", headers=_HEADERS)

    def messages(request: Request) -> Response:
        html = templates.get_template("messages.html").render(**_view(folder))
        tag = f'"{hashlib.sha256(html.encode()).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={**_HEADERS, "ETag": tag})
        return Response(html, media_type="text/html", headers={**_HEADERS, "ETag": tag})

    def style(_request: Request) -> Response:
        return Response(_asset("page.css"), media_type="text/css", headers=_HEADERS)

    def script(_request: Request) -> Response:
        return Response(_asset("page.js"), media_type="text/javascript", headers=_HEADERS)

    return Starlette(
        routes=[
            Route("/", whole),
            Route("/messages", messages),
            Route("/page.css", style),
            Route("/page.js", script),
        ],
        # A page elsewhere must not read this one through a name that leads here.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])],
    )


def web_address(url: Any) -> str:
    """The URL if it is a web address, else nothing: no `javascript:` becomes a link."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""


def serve_inbox(folder: Path, port: int) -> None:
    """Serve the page on 127.0.0.1 until the process is told to stop."""
    uvicorn.Server(_config(folder)).run(sockets=[_listen(port)])


@contextmanager
def running_inbox(folder: Path, port: int = 0) -> Iterator[str]:
    """Serve the page from a thread; yields its URL. Port 0 takes a free one."""
    listening = _listen(port)
    server = uvicorn.Server(_config(folder))
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="inbox", daemon=True
    )
    thread.start()
    try:
        yield f"http://{HOST}:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    # Requests that come before the server's loop runs wait in the backlog.
    listening.listen(64)
    return listening


def _config(folder: Path) -> uvicorn.Config:
    return uvicorn.Config(
        build_page(folder),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )


def _view(folder: Path) -> dict[str, Any]:
    paths = sorted(folder.glob("*.json"), key=lambda path: path.name, reverse=True)
    messages = [message for path in paths[:SHOWN] if (message := _read(path)) is not None]
    return {"messages": messages, "total": len(paths), "written_out": _WRITTEN_OUT}


def _read(path: Path) -> dict[str, Any] | None:
    """A message file; None for one that was removed meanwhile or is not ours."""
    try:
        message = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return message if isinstance(message, dict) and "events" in message else None


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
