"""A local HTTP address that stays, whatever app stands behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

PATIENCE = 60.0
"""Seconds until an answer that never comes fails its test: a guard, not a measure."""


class Quiet(WSGIRequestHandler):
    """Errors are logged; one line a call is too much."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Listener:
    """Known before there is an app to serve, kept while apps come and go; 503 while there is none."""

    def __init__(self) -> None:
        self.up = True
        """False: as if the app were down."""
        self._app: Any = None
        self._answering = 0
        self._changed = threading.Condition()
        self._server = make_server("127.0.0.1", 0, self, threaded=True, request_handler=Quiet)
        self.port: int = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        with self._changed:
            app = self._app if self.up else None
            self._answering += 1
        try:
            if app is None:  # a page that was left open, a store that still has news
                start_response("503 Service Unavailable", [("Content-Length", "0")])
                return []
            # Whole, for the server leaves an answer unclosed whose reader went away.
            answer = app(environ, start_response)
            with closing(answer) if hasattr(answer, "close") else nullcontext():
                return list(answer)
        finally:
            with self._changed:
                self._answering -= 1
                self._changed.notify_all()

    @contextmanager
    def serving(self, app: Any) -> Iterator[None]:
        """The app at the address until the end of the block, and until it has answered what it was asked:
        a late answer would write into the database of the next test."""
        self._app = app
        try:
            yield
        finally:
            with self._changed:
                self._app = None
                assert self._changed.wait_for(lambda: not self._answering, PATIENCE)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
