"""An HTTP/1.1 server for a WSGI app that keeps connections alive and can break off on purpose.

Werkzeug's own handler closes after each answer; clients of a store keep their connections, so this one
frames every answer with its length. Bodies are read whole by the app, hence the next request starts clean.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug import Response
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server


class HangUp(Exception):
    """Close the connection without a word."""


class BreakOff(Exception):
    """Send half of this answer, then close the connection."""

    def __init__(self, response: Response) -> None:
        super().__init__("break off")
        self.response = response


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    opened: set[socket.socket]
    closing: Callable[[], None]

    def setup(self) -> None:
        super().setup()
        self.opened.add(self.connection)

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            pass  # the other side is gone already
        finally:
            self.closing()
            self.opened.discard(self.connection)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass

    def log(self, type: str, message: str, *args: Any) -> None:
        pass

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        status, headers = "", []

        def start_response(
            line: str, fields: list[tuple[str, str]], exc_info: object = None
        ) -> Callable[[bytes], object]:
            nonlocal status, headers
            status, headers = line, fields
            return self.wfile.write

        try:
            body = self.server.app(environ, start_response)
            try:
                self._send(status, headers, body)
            finally:
                if hasattr(body, "close"):
                    body.close()
        except HangUp:
            self.close_connection = True
        except BreakOff as broken:
            whole = b"".join(broken.response.iter_encoded())
            fields = [*broken.response.headers.to_wsgi_list()]
            self._head(broken.response.status, fields, len(whole))
            self.wfile.write(whole[: len(whole) // 2])
            self.close_connection = True

    def _head(self, status: str, headers: Iterable[tuple[str, str]], length: int | None) -> None:
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in names and length is not None:
            self.send_header("Content-Length", str(length))
        if "date" not in names:
            self.send_header("Date", self.date_time_string())
        self.end_headers()

    def _send(self, status: str, headers: list[tuple[str, str]], body: Iterable[bytes]) -> None:
        if any(name.lower() == "content-length" for name, _ in headers):
            self._head(status, headers, None)
            if self.command != "HEAD":
                for chunk in body:
                    self.wfile.write(chunk)
        else:
            whole = b"".join(body)
            self._head(status, headers, len(whole))
            if self.command != "HEAD":
                self.wfile.write(whole)


class Server:
    """Serves `app` in a thread of its own until stopped."""

    def __init__(self, app: Any, host: str, port: int, closing: Callable[[], None]) -> None:
        opened: set[socket.socket] = set()
        kind = type("Handler", (Handler,), {"opened": opened, "closing": staticmethod(closing)})
        self._opened = opened
        self._server: BaseWSGIServer = make_server(host, port, app, threaded=True, request_handler=kind)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="http", daemon=True
        )
        self.origin = f"http://{host}:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, break the connections that clients keep, wait for the threads behind them."""
        self._server.shutdown()
        self._thread.join(10)
        for connection in list(self._opened):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed meanwhile
        end = time.monotonic() + 5
        while self._opened and time.monotonic() < end:
            time.sleep(0.005)
        self._server.server_close()
