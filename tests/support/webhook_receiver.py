"""A server on loopback, for webhooks and images, that records requests and responds as a test needs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass
class ReceivedRequest:
    path: str
    headers: dict[str, str]
    body: bytes

    def verified(self, secret: str) -> dict[str, Any]:
        """Return the body as the library reads it. Raise WebhookVerificationError for a wrong signature."""
        event: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return event


class WebhookHandler(BaseHTTPRequestHandler):
    """The handler of one request."""

    received: ReceivedRequest


@dataclass
class Receiver:
    url: str
    requests: list[ReceivedRequest] = field(default_factory=list)
    # Sends the response to a request.
    respond: Callable[[WebhookHandler], None] = lambda handler: respond_with(handler, 200, b"thank you")


def respond_with(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def send_slowly(handler: BaseHTTPRequestHandler) -> None:
    """Send a response slowly, byte by byte, always before a socket's timeout."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(300):
        try:
            handler.wfile.write(b"z")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.1)


def send_a_gigabyte(handler: BaseHTTPRequestHandler) -> None:
    """Send a response of a gigabyte."""
    handler.send_response(500)
    handler.end_headers()
    with suppress(OSError):  # the client closes the connection
        for _ in range(1024):
            handler.wfile.write(b"x" * 1024 * 1024)


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Run a receiver."""

    class Handler(WebhookHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.received = ReceivedRequest(self.path, dict(self.headers), body)
            receiver.requests.append(self.received)
            receiver.respond(self)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    server.shutdown()
    server.server_close()
    thread.join()
