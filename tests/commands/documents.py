"""What tests that follow a document need: its files, and the stand-in servers that it writes."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_FILE = re.compile(r"^```\w+ title=(\S+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def files_of(document: str) -> dict[str, str]:
    """The document's blocks that have a file's name, by it."""
    return dict(_FILE.findall(document))


def module_of(files: dict[str, str], name: str) -> dict[str, Any]:
    """What one of its Python files defines; not run as a script."""
    module: dict[str, Any] = {"__name__": name.removesuffix(".py")}
    exec(compile(files[name], name, "exec"), module)
    return module


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """A server of it on a free port of 127.0.0.1, which is given."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
