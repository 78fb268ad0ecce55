"""The inbox as a page on 127.0.0.1: what arrived, newest first, refreshing by itself.

Belongs here: the page and its server. Does not: writing messages (`Inbox`), what can be done on the
page (`acting`).

The files are read at each request; the page holds no state. Everything in them is text: the
templates escape it, links are made of web addresses only, and the content policy lets no script run
but our own file.
"""

from __future__ import annotations

import hashlib
import json
import secrets
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

from revops_pipelines.engine.alerts.links import DEEDS
from revops_pipelines.resources.channels.inbox.acting import (
    COOKIE,
    SILENCES,
    Desk,
    acting_routes,
    standings,
    token_of,
    with_cookie,
)

HOST = "127.0.0.1"
SHOWN = 100
_WRITTEN_OUT = 10
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # A form of ours says where it comes from; nobody else learns of a signed address.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def build_page(folder: Path, desk: Desk | None = None) -> Starlette:
    """The page over the message files of `folder`, which need not exist yet.

    With a `desk` there are buttons, and the links in messages are answered.
    """
    templates = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset), autoescape=True, undefined=jinja2.StrictUndefined
    )
    templates.filters["web"] = web_address

    def whole(request: Request) -> Response:
        cookie = request.cookies.get(COOKIE) or secrets.token_hex(16)
        html = templates.get_template("page.html").render(**_view(folder, desk, cookie))
        return with_cookie(_page(html), cookie) if desk else _page(html)

    def messages(request: Request) -> Response:
        cookie = request.cookies.get(COOKIE, "")
        html = templates.get_template("messages.html").render(**_view(folder, desk, cookie))
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
            *(acting_routes(desk, templates, _page) if desk else ()),
        ],
        # A page elsewhere must not read this one through a name that leads here.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_names(desk))],
    )


def web_address(url: Any) -> str:
    """The URL if it is a web address, else nothing: no `javascript:` becomes a link."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""


def serve_inbox(folder: Path, port: int, desk: Desk | None = None) -> None:
    """Serve the page on 127.0.0.1 until the process is told to stop; OSError for a taken port."""
    uvicorn.Server(_config(folder, desk)).run(sockets=[_listen(port)])


@contextmanager
def running_inbox(folder: Path, port: int = 0, desk: Desk | None = None) -> Iterator[str]:
    """Serve the page from a thread; yields its URL. Port 0 takes a free one."""
    listening = _listen(port)
    server = uvicorn.Server(_config(folder, desk))
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


def _page(html: str, status: int = 200) -> Response:
    return Response(html, status, media_type="text/html", headers=_HEADERS)


def _names(desk: Desk | None) -> list[str]:
    """The names that the page may be asked for under, without ports."""
    return [HOST, "localhost", *(host.partition(":")[0] for host in (desk.hosts if desk else ()))]


def _config(folder: Path, desk: Desk | None) -> uvicorn.Config:
    return uvicorn.Config(
        build_page(folder, desk),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )


def _view(folder: Path, desk: Desk | None, cookie: str) -> dict[str, Any]:
    paths = sorted(folder.glob("*.json"), key=lambda path: path.name, reverse=True)
    messages = [message for path in paths[:SHOWN] if (message := _read(path)) is not None]
    acting = None if desk is None else _acting(desk, messages, cookie)
    return {
        "messages": messages,
        "total": len(paths),
        "written_out": _WRITTEN_OUT,
        "desk": acting,
    }


def _acting(desk: Desk, messages: list[dict[str, Any]], cookie: str) -> dict[str, Any]:
    """What the buttons need: they stand once for each alert, at its newest message."""
    newest: dict[tuple[str, int], str] = {}
    for message in messages:
        for event in message["events"][:_WRITTEN_OUT]:
            newest.setdefault((event["alert"], event["episode"]), event["event_id"])
    return {
        "acting": set(newest.values()),
        "standings": standings(desk, messages),
        "token": token_of(desk, cookie),
        "deeds": DEEDS,
        "silences": SILENCES,
    }


def _read(path: Path) -> dict[str, Any] | None:
    """A message file; None for one that was removed meanwhile or is not ours."""
    try:
        message = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return message if isinstance(message, dict) and "events" in message else None


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
