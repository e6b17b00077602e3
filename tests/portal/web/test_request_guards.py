"""What strangers send: bodies, headers and cookies that are meant to break something, at real servers and within."""

import asyncio
import http.client
import io
import json
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.conf import settings as site
from django.test import Client

from portal.web.request_guards import AsgiRequestGuard
from tests.support.portal_process import PATIENCE_SECONDS, Portal, wait_for

BAD_CHARSETS = ["hex", "undefined", "unicode_escape", "latin-1", '"utf-16"']


@pytest.fixture(scope="module")
def portal() -> Iterator[Portal]:
    folder = Path(tempfile.mkdtemp(prefix="mts-edge-"))
    # An earlier version left these open.
    for name in ("media", "log"):
        (folder / name).mkdir(mode=0o755)
    portal = Portal(folder)
    portal.start()
    yield portal
    portal.clear()
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def ask(portal: Portal, method: str, path: str, *, chunked: bool = False, **headers: str) -> Answer:
    """Sends the headers as they are given, and the body "{}" only in chunks."""
    with closing(http.client.HTTPConnection("127.0.0.1", portal.port, timeout=PATIENCE_SECONDS)) as connection:
        connection.putrequest(method, path)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        if chunked:
            connection.send(b"2\r\n{}\r\n0\r\n\r\n")
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


def error_of(answer: Answer) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answer.body)["error"]
    assert set(error) == {"type", "code", "message", "param", "request_id", "doc_url", "details"}
    assert error["request_id"] == answer.headers["X-Request-Id"]
    return error


def test_live_believes_no_forwarded_address(portal: Portal) -> None:
    ask(portal, "GET", "/v1/models", X_Forwarded_For="6.6.6.6", X_Request_Id="who-is-it")

    log = Path(portal.env["VAR_DIR"]) / "log" / "portal.log"
    wait_for(lambda: "who-is-it" in log.read_text(), seconds=5)
    (line,) = [line for line in log.read_text().splitlines() if "who-is-it" in line]
    assert "127.0.0.1" in line
    assert "6.6.6.6" not in line


def test_live_refuses_a_body_that_is_announced_too_large(portal: Portal) -> None:
    answer = ask(portal, "POST", "/v1/videos", Content_Length="48000001")
    assert answer.status == 413
    assert error_of(answer)["code"] == "body_too_large"

    page = ask(portal, "POST", "/accounts/login/", Content_Length="9" * 18)
    assert (page.status, page.headers["Content-Type"]) == (413, "text/plain; charset=utf-8")


def test_live_demands_a_length(portal: Portal) -> None:
    answer = ask(portal, "POST", "/v1/videos", chunked=True, X_Request_Id="kept-as-given")
    assert answer.status == 411
    assert error_of(answer)["code"] == "length_required"
    assert answer.headers["X-Request-Id"] == "kept-as-given"

    assert json.loads(ask(portal, "POST", "/generate", chunked=True).body)["status"] == "failed"


@pytest.mark.parametrize("charset", BAD_CHARSETS)
def test_live_reads_utf8_alone(charset: str, portal: Portal) -> None:
    answer = ask(portal, "GET", "/v1/models", Content_Type=f"application/json; charset={charset}")
    assert answer.status == 415
    assert error_of(answer)["code"] == "unsupported_charset"


def test_live_refuses_a_content_type_that_cannot_be_parsed(portal: Portal) -> None:
    assert ask(portal, "GET", "/livez", Content_Type="text/plain; x*=undefined''%e9").status == 400


def test_live_answers_what_is_well_formed(portal: Portal) -> None:
    assert ask(portal, "GET", "/livez", Content_Type='text/plain; charset="UTF-8"').status == 200


def test_what_up_writes_is_for_its_user_alone(portal: Portal) -> None:
    folder = Path(portal.env["VAR_DIR"])
    for name in ("log", "mail", "media", "scratch", "static", "valkey", "postgres"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o700, name
    assert (folder / "log" / "portal.log").stat().st_mode & 0o077 == 0
    # Above these the database's user passes through, when there is one.
    assert (folder / "postgres" / "PG_VERSION").exists()
    assert folder.stat().st_mode & (stat.S_IROTH | stat.S_IRGRP) == 0


def test_a_body_that_does_not_come_in_time_is_given_up(settings: Any) -> None:
    settings.REQUEST_BODY_TIMEOUT_SECONDS = 0.05
    sent: list[dict[str, Any]] = []
    pieces: list[dict[str, Any]] = [{"type": "http.request", "body": b"{", "more_body": True}]

    async def receive() -> dict[str, Any]:
        if pieces:
            return pieces.pop()
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        """As Django: reads to the end of the body, and leaves when the client does."""
        while (await receive())["type"] != "http.disconnect":
            pass

    scope = {"type": "http", "method": "POST", "path": "/v1/videos", "headers": [(b"content-length", b"2")]}
    asyncio.run(AsgiRequestGuard(application)(scope, receive, send))

    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]
    assert json.loads(sent[1]["body"])["error"]["code"] == "body_too_slow"


def test_waiting_for_an_answer_has_no_such_limit(settings: Any) -> None:
    settings.REQUEST_BODY_TIMEOUT_SECONDS = 0.01
    heard: list[str] = []

    async def receive() -> dict[str, Any]:
        if heard:
            await asyncio.sleep(0.05)
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        heard.append((await receive())["type"])
        await asyncio.sleep(0.03)
        heard.append((await receive())["type"])

    async def send(_message: Any) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    asyncio.run(AsgiRequestGuard(application)(scope, receive, send))
    assert heard == ["http.request", "http.disconnect"]


@pytest.mark.parametrize(
    ("extra", "status", "code"),
    [
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411, "length_required"),
        ({"CONTENT_LENGTH": "48000001"}, 413, "body_too_large"),
        ({"CONTENT_LENGTH": "9" * 5000}, 413, "body_too_large"),
        ({"CONTENT_LENGTH": "+1"}, 400, "malformed_headers"),
        ({"CONTENT_TYPE": "text/plain; charset=undefined"}, 415, "unsupported_charset"),
        ({"CONTENT_TYPE": "text/plain; x*=undefined''%e9"}, 400, "malformed_headers"),
    ],
)
def test_web_refuses_the_same(extra: dict[str, str], status: int, code: str) -> None:
    from portal.wsgi import application

    environ: dict[str, Any] = {"REQUEST_METHOD": "POST", "PATH_INFO": "/v1/videos", "wsgi.input": io.BytesIO()}
    setup_testing_defaults(environ)
    started: list[Any] = []
    body = b"".join(application({**environ, **extra}, lambda *said: started.append(said)))

    assert started[0][0].startswith(f"{status} ")
    error = json.loads(body)["error"]
    assert error["code"] == code
    assert ("X-Request-Id", error["request_id"]) in started[0][1]


@pytest.mark.parametrize("key", ["\0" * 32, "\\000" * 8, "A" * 32, "a" * 31, "é" * 32])
def test_a_cookie_that_is_no_key_of_ours_is_none(key: str, client: Client, db: None) -> None:
    client.cookies[site.SESSION_COOKIE_NAME] = key
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("path", ["login/", "signup/", "password/reset/", "logout/"])
def test_an_address_that_is_none_leads_nowhere(path: str, client: Client, db: None) -> None:
    assert client.get(f"/accounts/{path}?next=http://[").status_code in {200, 302}
    assert client.post(f"/accounts/{path}", {"next": "http://["}).status_code in {200, 302}


def test_a_page_that_is_nowhere_asks_for_its_login(client: Client, db: None) -> None:
    answer = client.get("/", headers={"HX-Request": "true", "HX-Current-URL": "http://["})
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/accounts/login/?next=%2F")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[(method, path) for method in ("TRACE", "OPTIONS", "POST") for path in ("/health", "/livez", "/readyz")],
        *[(method, "/language") for method in ("TRACE", "OPTIONS", "HEAD", "GET")],
    ],
)
def test_methods_that_mean_nothing_are_refused(method: str, path: str, client: Client) -> None:
    assert client.generic(method, path).status_code == 405


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/nothing"])
def test_the_api_says_not_found_in_json(path: str, client: Client, db: None) -> None:
    assert client.get(path).json()["error"]["code"] == "not_found"
