"""Malicious bodies, headers and cookies, at real servers and within the process."""

import asyncio
import http.client
import io
import json
import shutil
import stat
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.conf import settings as site
from django.test import Client

from portal.web.request_guards import AsgiRequestGuard, WsgiRequestGuard
from tests.support.portal_process import WAIT_TIMEOUT_SECONDS, Portal, wait_for

BAD_CHARSETS = ["hex", "undefined", "unicode_escape", "latin-1", '"utf-16"']


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    folder = Path(tempfile.mkdtemp(prefix="mts-edge-"))
    # An earlier version created these with a wider mode.
    for name in ("media", "log"):
        (folder / name).mkdir(mode=0o755)
    portal = Portal(folder)
    portal.copy_database()
    portal.start()
    yield portal
    portal.kill_all()
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Response:
    status: int
    headers: Message
    body: bytes


def send_request(portal: Portal, method: str, path: str, *, chunked: bool = False, **headers: str) -> Response:
    """Send the headers unchanged, and the body "{}" only if `chunked`."""
    with closing(http.client.HTTPConnection("127.0.0.1", portal.port, timeout=WAIT_TIMEOUT_SECONDS)) as connection:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        if chunked:
            connection.send(b"2\r\n{}\r\n0\r\n\r\n")
        response = connection.getresponse()
        return Response(response.status, response.headers, response.read())


class DamagedBody(io.RawIOBase):
    """A body whose chunks do not have the length that they announce."""

    def read(self, _size: int = -1) -> bytes:
        raise ValueError("invalid chunk size")


def error_of(response: Response) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(response.body)["error"]
    assert set(error) == {"type", "code", "message", "param", "request_id", "doc_url", "details"}
    assert error["request_id"] == response.headers["X-Request-Id"]
    return error


def test_the_embedded_server_refuses_large_headers(portal: Portal) -> None:
    assert send_request(portal, "GET", "/livez", X_Large="a" * 40_000).status == 431


def test_live_trusts_no_forwarded_ip_address(portal: Portal) -> None:
    send_request(portal, "GET", "/v1/models", X_Forwarded_For="6.6.6.6", X_Request_Id="who-is-it")

    log = Path(portal.env["VAR_DIR"]) / "log" / "portal.log"
    wait_for(lambda: "who-is-it" in log.read_text(), seconds=5)
    (line,) = [line for line in log.read_text().splitlines() if "who-is-it" in line]
    assert "127.0.0.1" in line
    assert "6.6.6.6" not in line


def test_live_refuses_a_content_length_over_the_limit(portal: Portal) -> None:
    response = send_request(portal, "POST", "/v1/videos", Content_Length="48000001")
    assert response.status == 413
    assert error_of(response)["code"] == "body_too_large"

    page = send_request(portal, "POST", "/accounts/login/", Content_Length="9" * 18)
    assert (page.status, page.headers["Content-Type"]) == (413, "text/plain; charset=utf-8")


def test_live_accepts_a_chunked_body(portal: Portal) -> None:
    response = send_request(portal, "POST", "/v1/videos", chunked=True, X_Request_Id="kept-as-given")
    assert response.status == 401
    assert response.headers["X-Request-Id"] == "kept-as-given"
    # It is not taken for an empty body.
    page = send_request(portal, "POST", "/language", chunked=True, Content_Type="application/x-www-form-urlencoded")
    assert page.status == 403  # without a CSRF token


def test_live_refuses_a_body_with_two_lengths(portal: Portal) -> None:
    response = send_request(portal, "POST", "/v1/videos", chunked=True, Content_Length="2")
    assert response.status == 400


@pytest.mark.parametrize("charset", BAD_CHARSETS)
def test_live_accepts_only_utf8(charset: str, portal: Portal) -> None:
    response = send_request(portal, "GET", "/v1/models", Content_Type=f"application/json; charset={charset}")
    assert response.status == 415
    assert error_of(response)["code"] == "unsupported_charset"


def test_live_refuses_a_content_type_that_cannot_be_parsed(portal: Portal) -> None:
    assert send_request(portal, "GET", "/livez", Content_Type="text/plain; x*=undefined''%e9").status == 400


def test_live_responds_to_a_valid_request(portal: Portal) -> None:
    assert send_request(portal, "GET", "/livez", Content_Type='text/plain; charset="UTF-8"').status == 200


def test_the_files_of_up_are_only_for_its_user(portal: Portal) -> None:
    folder = Path(portal.env["VAR_DIR"])
    for name in ("log", "mail", "media", "scratch", "static", "valkey", "postgres"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o700, name
    assert (folder / "log" / "portal.log").stat().st_mode & 0o077 == 0
    # The database's user, if there is one, has to traverse the folder above these.
    assert (folder / "postgres" / "PG_VERSION").exists()
    assert folder.stat().st_mode & (stat.S_IROTH | stat.S_IRGRP) == 0


def test_a_body_that_does_not_arrive_in_time_is_refused(settings: Any) -> None:
    settings.REQUEST_BODY_TIMEOUT_SECONDS = 0.05
    sent: list[MutableMapping[str, Any]] = []
    pieces: list[dict[str, Any]] = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> dict[str, Any]:
        if pieces:
            return pieces.pop()
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        """Behave as Django does: read to the end of the body, and return when the client disconnects."""
        while (await receive())["type"] != "http.disconnect":
            pass

    scope = {"type": "http", "method": "POST", "path": "/v1/videos", "headers": [(b"content-length", b"2")]}
    asyncio.run(AsgiRequestGuard(application)(scope, receive, send))

    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["error"]["code"] == "body_too_slow"


def receive_chunked(application: Any, size: int) -> list[MutableMapping[str, Any]]:
    """Send a chunked body of `size` bytes through the guard, and return what it responds."""
    sent: list[MutableMapping[str, Any]] = []
    chunk = b"x" * 1_000_000
    pieces = [chunk] * (size // len(chunk)) + [b"x" * (size % len(chunk))]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(), "more_body": bool(pieces)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    headers = [(b"transfer-encoding", b"chunked"), (b"origin", b"https://app.example.com")]
    scope = {"type": "http", "method": "POST", "path": "/v1/videos", "headers": headers}
    asyncio.run(AsgiRequestGuard(application)(scope, receive, send))
    return sent


def test_chunked_bodies_are_received_up_to_the_limit(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    received: list[int] = []

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            received.append(len(message["body"]))
            if not message["more_body"]:
                return

    assert receive_chunked(application, 48_000_000) == []
    assert sum(received) == 48_000_000
    received.clear()
    start, body = receive_chunked(application, 48_000_001)
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]
    assert (b"access-control-allow-origin", b"https://app.example.com") in start["headers"]
    assert json.loads(body["body"])["error"]["code"] == "body_too_large"
    assert sum(received) <= 48_000_000


def test_a_body_that_is_too_large_is_named_also_if_the_application_fails() -> None:
    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        raise OSError("Input/output error")

    start, _body = receive_chunked(application, 48_000_001)
    assert start["status"] == 413


def test_web_sets_the_length_of_a_chunked_body() -> None:
    seen: list[tuple[str, bytes]] = []

    def application(environ: dict[str, Any], _start_response: Any) -> list[bytes]:
        seen.append((environ["CONTENT_LENGTH"], environ["wsgi.input"].read()))
        return []

    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": "/v1/videos"}
    environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"{}")}
    WsgiRequestGuard(application)(environ, lambda *_: None)
    assert seen == [("2", b"{}")]


def test_waiting_for_a_response_has_no_such_limit(settings: Any) -> None:
    settings.REQUEST_BODY_TIMEOUT_SECONDS = 0.01
    received: list[str] = []

    async def receive() -> dict[str, Any]:
        if received:
            await asyncio.sleep(0.05)
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        received.append((await receive())["type"])
        await asyncio.sleep(0.03)
        received.append((await receive())["type"])

    async def send(_message: Any) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(AsgiRequestGuard(application)(scope, receive, send))
    assert received == ["http.request", "http.disconnect"]


@pytest.mark.parametrize(
    ("extra", "status", "code"),
    [
        ({"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "2"}, 400, "malformed_headers"),
        ({"HTTP_TRANSFER_ENCODING": "gzip, chunked"}, 415, "unsupported_encoding"),
        ({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"x" * 48_000_001)}, 413, "body_too_large"),
        ({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": DamagedBody()}, 400, "malformed_body"),
        ({"CONTENT_LENGTH": "48000001"}, 413, "body_too_large"),
        ({"CONTENT_LENGTH": "9" * 5000}, 413, "body_too_large"),
        ({"CONTENT_LENGTH": "+1"}, 400, "malformed_headers"),
        ({"CONTENT_TYPE": "text/plain; charset=undefined"}, 415, "unsupported_charset"),
        ({"CONTENT_TYPE": "text/plain; x*=undefined''%e9"}, 400, "malformed_headers"),
    ],
)
def test_web_refuses_the_same_requests(extra: dict[str, Any], status: int, code: str) -> None:
    from portal.wsgi import application

    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": "/v1/videos", "wsgi.input": io.BytesIO()}
    setup_testing_defaults(environ)
    started: list[Any] = []
    body = b"".join(application({**environ, **extra}, lambda *arguments: started.append(arguments)))

    assert started[0][0].startswith(f"{status} ")
    error = json.loads(body)["error"]
    assert error["code"] == code
    assert ("X-Request-Id", error["request_id"]) in started[0][1]


def test_a_page_of_another_origin_can_read_a_refusal_of_web(settings: Any) -> None:
    from portal.wsgi import application

    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": "/v1/videos", "wsgi.input": io.BytesIO()}
    setup_testing_defaults(environ)
    environ |= {"CONTENT_LENGTH": "48000001", "HTTP_ORIGIN": "https://app.example.com"}
    started: list[Any] = []
    application(environ, lambda *arguments: started.append(arguments))
    assert started[0][0].startswith("413 ")
    assert ("Access-Control-Allow-Origin", "https://app.example.com") in {
        (name.title(), value) for name, value in started[0][1]
    }


@pytest.mark.parametrize("key", ["\0" * 32, "\\000" * 8, "A" * 32, "a" * 31, "é" * 32])
def test_an_invalid_session_cookie_is_ignored(key: str, client: Client, db: None) -> None:
    client.cookies[site.SESSION_COOKIE_NAME] = key
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("path", ["login/", "signup/", "password/reset/", "logout/"])
def test_an_invalid_next_url_is_ignored(path: str, client: Client, db: None) -> None:
    assert client.get(f"/accounts/{path}?next=http://[").status_code in {200, 302}
    assert client.post(f"/accounts/{path}", {"next": "http://["}).status_code in {200, 302}


def test_an_invalid_current_url_leads_to_the_login_page(client: Client, db: None) -> None:
    response = client.get("/", headers={"HX-Request": "true", "HX-Current-URL": "http://["})
    assert (response.status_code, response["HX-Redirect"]) == (204, "/accounts/login/?next=%2F")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[(method, path) for method in ("TRACE", "OPTIONS", "POST") for path in ("/health", "/livez", "/readyz")],
        *[(method, "/language") for method in ("TRACE", "OPTIONS", "HEAD", "GET")],
    ],
)
def test_unsupported_methods_are_refused(method: str, path: str, client: Client) -> None:
    assert client.generic(method, path).status_code == 405


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing"])
def test_the_api_returns_not_found_as_json(path: str, client: Client, db: None) -> None:
    assert client.get(path).json()["error"]["code"] == "not_found"
