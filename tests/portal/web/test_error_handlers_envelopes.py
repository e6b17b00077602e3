"""The API responds to every malformed request with JSON in its envelope, at gunicorn and at uvicorn."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from email.parser import BytesParser
from typing import Any

import pytest

from tests.support.people import Person
from tests.support.web_processes import LiveProcess, WebProcesses

Connect = Callable[[], socket.socket]
JSON = b"Content-Type: application/json"
FORM = b"Content-Type: multipart/form-data; boundary=x"

# Request line, headers and body, then the status and code of the response.
CASES: dict[str, tuple[bytes, list[bytes], bytes, int, str]] = {
    "unknown URL": (b"GET /v1/nothing", [], b"", 404, "not_found"),
    "below a URL": (b"GET /v1/videos/vid_1/x/y", [], b"", 404, "not_found"),
    "invalid bytes in the URL": (b"GET /v1/videos/%00%ff%ed%a0%80", [], b"", 404, "not_found"),
    "a method that is not allowed": (b"PUT /v1/videos", [], b"", 405, "method_not_allowed"),
    "a method that no URL allows": (b"PROPFIND /v1/videos", [], b"", 405, "method_not_allowed"),
    "an invalid id": (b"GET /v1/videos/vid_zz", [], b"", 404, "not_found"),
    "JSON not accepted": (b"GET /v1/videos", [b"Accept: text/html"], b"", 406, "not_acceptable"),
    "text": (b"POST /v1/videos", [b"Content-Type: text/plain"], b"hello", 415, "unsupported_media_type"),
    "XML": (b"POST /v1/webhooks", [b"Content-Type: application/xml"], b"<a/>", 415, "unsupported_media_type"),
    "a form instead of JSON": (b"POST /v1/webhooks", [FORM], b"--x--\r\n", 415, "unsupported_media_type"),
    "another charset": (b"POST /v1/videos", [JSON + b"; charset=utf-16"], b"{}", 415, "unsupported_charset"),
    "not UTF-8": (b"POST /v1/videos", [JSON], b'{"prompt": "\xff\xfe"}', 400, "malformed_body"),
    "not JSON": (b"POST /v1/videos", [JSON], b"{", 400, "malformed_body"),
    "a list": (b"POST /v1/videos", [JSON], b"[1]", 400, "malformed_body"),
    "NaN": (b"POST /v1/videos", [JSON], b'{"fps": NaN}', 400, "malformed_body"),
    "infinity": (b"POST /v1/videos", [JSON], b'{"fps": -Infinity}', 400, "malformed_body"),
    "a float out of range": (
        b"POST /v1/videos",
        [JSON],
        b'{"prompt": "x", "guidance_scale": 1e999}',
        422,
        "invalid_field",
    ),
    "a number of many digits": (b"POST /v1/videos", [JSON], b'{"seed": ' + b"9" * 5000 + b"}", 400, "malformed_body"),
    "a duplicate name": (b"POST /v1/videos", [JSON], b'{"fps": 8, "fps": 9}', 400, "malformed_body"),
    "deep JSON": (b"POST /v1/videos", [JSON], b'{"a":' * 100_000 + b"1" + b"}" * 100_000, 400, "malformed_body"),
    "NUL": (b"POST /v1/videos", [JSON], b'{"prompt": "a\\u0000b"}', 422, "invalid_field"),
    "half a surrogate pair": (b"POST /v1/videos", [JSON], b'{"prompt": "\\ud800"}', 422, "invalid_field"),
    "a surrogate in a name": (b"POST /v1/videos", [JSON], b'{"\\ud800": 1}', 422, "invalid_field"),
    "an incomplete form": (b"POST /v1/videos", [FORM], b"--x\r\nContent-Dispos", 422, "invalid_field"),
    "a form without its boundary": (
        b"POST /v1/videos",
        [b"Content-Type: multipart/form-data"],
        b"x",
        400,
        "malformed_body",
    ),
    "too large": (b"POST /v1/videos", [JSON, b"Content-Length: 99000000"], b"", 413, "body_too_large"),
    "an invalid day": (b"GET /v1/usage?from=2026-02-30", [], b"", 422, "invalid_field"),
    "a year out of range": (b"GET /v1/usage?from=99999-01-01", [], b"", 422, "invalid_field"),
    "a duplicate name in a query": (b"GET /v1/videos?limit=1&limit=2", [], b"", 422, "invalid_field"),
    "a format": (b"GET /v1/videos?format=xml", [], b"", 422, "invalid_field"),
    "a compressed body": (
        b"POST /v1/videos",
        [JSON, b"Content-Encoding: gzip"],
        b"\x1f\x8b",
        415,
        "unsupported_encoding",
    ),
    "a number as text": (b"GET /v1/videos?limit=many", [], b"", 422, "invalid_field"),
    "a number out of range": (b"GET /v1/videos?created_after=" + b"9" * 400, [], b"", 422, "invalid_field"),
    "an invalid deadline": (b"POST /v1/videos", [JSON, b"Cancel-After: 1e3"], b"{}", 422, "invalid_field"),
    "an empty range": (b"GET /v1/videos/vid_zz/content", [b"Range: bytes=9-1"], b"", 404, "not_found"),
    "an invalid key": (b"GET /v1/videos", [b"X-API-Key: \xc3\xa9\xff"], b"", 401, "invalid_key"),
}
# Requests that the servers themselves refuse with 4xx, in their own format.
BROKEN = {
    "a length as text": b"POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
    "two lengths": b"POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{",
    "not HTTP": b"hello\r\n\r\n",
    "a huge header": b"GET /v1/videos HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
}


@pytest.fixture
def live(live_process: Callable[..., LiveProcess], alice: Person) -> tuple[Connect, str]:
    """uvicorn, as in the compose file."""
    process = live_process()
    return lambda: socket.create_connection(("127.0.0.1", process.port), timeout=60), alice.key


@pytest.fixture
def web(web_processes: Callable[..., WebProcesses], alice: Person) -> tuple[Connect, str]:
    """gunicorn, as in production."""
    processes = web_processes(1)

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(60)
        connection.connect(str(processes.socket))
        return connection

    return connect, alice.key


def exchange(connect: Connect, request: bytes) -> tuple[int, Any, bytes]:
    """Send these bytes; return status, headers and body of the response."""
    with connect() as connection:
        with suppress(OSError):  # it may be refused before it is read completely
            connection.sendall(request)
        pieces = []
        with suppress(ConnectionError):
            while piece := connection.recv(65536):
                pieces.append(piece)
    head, _, body = b"".join(pieces).partition(b"\r\n\r\n")
    status_line, _, lines = head.partition(b"\r\n")
    return int(status_line.split()[1]) if status_line else 0, BytesParser().parsebytes(lines), body


def failures(connect: Connect, key: str) -> Iterator[str]:
    for name, (line, headers, body, status, code) in CASES.items():
        own = [] if any(header.startswith(b"X-API-Key") for header in headers) else [b"X-API-Key: " + key.encode()]
        length = [] if b"Content-Length" in b"".join(headers) else [b"Content-Length: %d" % len(body)]
        lines = [line + b" HTTP/1.1", b"Host: localhost", b"Connection: close", *own, *length, *headers]
        actual, response_headers, content = exchange(connect, b"\r\n".join(lines) + b"\r\n\r\n" + body)
        try:
            error = json.loads(content)["error"]
        except (ValueError, KeyError):
            yield f"{name}: {actual} {content[:200]!r}"
            continue
        if (actual, error["code"]) != (status, code):
            yield f"{name}: {actual} {error}"
        if error["request_id"] != response_headers["X-Request-Id"] or not error["doc_url"].endswith(f"#{code}"):
            yield f"{name}: {error} {response_headers.items()}"
        if actual == 405 and not response_headers["Allow"]:
            yield f"{name}: no Allow"
    for name, request in BROKEN.items():
        actual, _headers, content = exchange(connect, request)
        if not (400 <= actual < 500):
            yield f"{name}: {actual} {content[:200]!r}"


def test_at_uvicorn(live: tuple[Connect, str]) -> None:
    assert list(failures(*live)) == []


def test_at_gunicorn(web: tuple[Connect, str]) -> None:
    assert list(failures(*web)) == []


def test_a_refused_body_is_read_to_its_end(web: tuple[Connect, str]) -> None:
    """Otherwise a client that is still sending gets a connection error instead of the response."""
    connect, key = web
    for own, length, status in ((key, 50_000_000, b"413"), ("mts_none_none", 40_000_000, b"401")):
        with connect() as connection:
            head = (b"POST /v1/videos HTTP/1.1", b"Host: localhost", b"X-API-Key: " + own.encode(), JSON)
            connection.sendall(b"\r\n".join((*head, b"Content-Length: %d\r\n\r\n" % length)) + bytes(length))
            assert connection.recv(65536).split()[1] == status


def test_generate_responds_in_its_own_envelope(live: tuple[Connect, str]) -> None:
    connect, key = live
    bodies = ((b"GET", b"", b""), (b"POST", JSON + b"\r\n", b"{"), (b"POST", b"", b"x"))
    for path in (b"/generate", b"/v1/generate"):
        for method, headers, body in bodies:
            head = b"%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-API-Key: %s\r\n%s" % (
                *(method, path, key.encode(), headers),
            )
            actual, _headers, content = exchange(connect, head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
            payload = json.loads(content)
            assert set(payload) == {"task_id", "status", "error", "code"}
            assert (400 <= actual < 500, payload["status"], payload["code"]) == (True, "failed", "INVALID_ARGUMENT")
