"""The context of a request: its id, the client's IP address, its log line."""

import asyncio
import json
import logging
import threading
from typing import Any

import pytest
import structlog
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from django.utils.module_loading import import_string

from common.middleware import Step, SyncAndAsyncMiddleware
from common.streaming import ReleaseConnectionsMiddleware
from portal.settings.logging_config import redact_secrets
from portal.web.middleware import client_ip_address


@pytest.mark.parametrize(
    ("hop", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:443", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("192.0.2.1:port", "unknown"),
        ("[192.0.2.1", "unknown"),
        ("_hidden", "unknown"),
    ],
)
def test_a_hop_may_have_a_port(hop: str, address: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    assert client_ip_address("9.9.9.9", f"6.6.6.6, {hop}") == address


@pytest.mark.django_db
def test_a_redirect_to_https_keeps_the_method(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    for method, status in (("GET", 301), ("HEAD", 301), ("POST", 308), ("DELETE", 308)):
        response = Client().generic(method, "/v1/videos?limit=1")
        assert (response.status_code, response["Location"]) == (status, "https://testserver/v1/videos?limit=1")


@pytest.mark.django_db
def test_browsers_do_not_keep_the_account_pages() -> None:
    for path in ("/accounts/login/", "/accounts/sessions/", "/accounts/email/", "/accounts/2fa/"):
        assert "no-store" in Client().get(path)["Cache-Control"]


def test_every_middleware_is_async_capable(settings: Any) -> None:
    """A sync-only middleware would need a thread for each waiting request."""
    assert [path for path in settings.MIDDLEWARE if not import_string(path).async_capable] == []


def test_our_middleware_needs_no_thread_for_an_api_request(settings: Any) -> None:
    """A coroutine that waits for a thread is suspended; these run to their end at once."""
    middleware_classes = [import_string(path) for path in settings.MIDDLEWARE]
    ours = [each for each in middleware_classes if isinstance(each, type) and issubclass(each, SyncAndAsyncMiddleware)]
    # A connection can be closed by its own thread only.
    ours.remove(ReleaseConnectionsMiddleware)
    assert len(ours) == 5

    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("view")

    for middleware in ours:
        request: Any = RequestFactory().get("/v1/videos/vid_1/events", headers={"Authorization": "Bearer mts_a_b"})
        request.request_id = "request-1"
        coroutine: Any = middleware(view)(request)
        with pytest.raises(StopIteration) as end:
            coroutine.send(None)
        assert end.value.value.content == b"view"


class RespondingMiddleware(SyncAndAsyncMiddleware):
    """Responds before or after the view, and records the threads."""

    threads: list[int]

    def before(self, request: HttpRequest) -> Step | None:
        self.threads = [threading.get_ident()]
        return (lambda: self.respond("before")) if "before" in request.GET else None

    def after(self, request: HttpRequest, response: HttpResponseBase) -> Step | None:
        if "after" in request.GET:
            return lambda: self.respond("after")
        return lambda: None

    def respond(self, text: str) -> HttpResponse:
        self.threads.append(threading.get_ident())
        return HttpResponse(text)


@pytest.mark.parametrize(("query", "body"), [("", b"view"), ("before", b"before"), ("after", b"after")])
def test_a_step_responds_under_both_kinds_of_server(query: str, body: bytes) -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("view")

    request = RequestFactory().get("/", {query: "1"})
    behind_sync: Any = RespondingMiddleware(lambda request: HttpResponse("view"))
    behind_async: Any = RespondingMiddleware(view)
    assert not iscoroutinefunction(behind_sync)
    assert iscoroutinefunction(behind_async)
    assert behind_sync(request).content == body
    assert asyncio.run(behind_async(request)).content == body
    assert len(set(behind_sync.threads)) == 1
    assert len(set(behind_async.threads)) == len(
        behind_async.threads
    )  # a step may block: never in the thread of the event loop


@pytest.mark.parametrize(
    ("proxies", "forwarded", "ip_address"),
    [
        (0, "", "9.9.9.9"),
        (0, "1.2.3.4", "9.9.9.9"),  # no trusted proxy
        (1, "1.2.3.4", "1.2.3.4"),
        (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),  # the client invented the first one
        (2, "6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4"),
        (1, "", "9.9.9.9"),
        (1, "garbage", "unknown"),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_ip_address_of_the_client_comes_from_trusted_proxies(
    proxies: int, forwarded: str, ip_address: str, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert client_ip_address("9.9.9.9", forwarded) == ip_address


@pytest.mark.parametrize(
    ("client_request_id", "kept"), [("abc-123.DEF_9", True), ("short", False), ("a b c d e f", False)]
)
def test_a_valid_request_id_is_kept(client_request_id: str, kept: bool, client: Client) -> None:
    response = client.get("/livez", headers={"X-Request-Id": client_request_id})
    assert (response["X-Request-Id"] == client_request_id) is kept
    assert response["X-Request-Id"]


def test_the_log_line_of_a_request_is_one_json_object_without_secrets(client: Client, db: None) -> None:
    lines: list[str] = []
    handler = logging.getLogger().handlers[0]
    recorder = logging.Handler()
    recorder.setFormatter(handler.formatter)
    recorder.emit = lambda record: lines.append(recorder.format(record))  # type: ignore[method-assign]
    logging.getLogger().addHandler(recorder)
    try:
        client.get("/v1/models", headers={"Authorization": "Bearer mts_abc_verysecret", "X-Request-Id": "request-1"})
        structlog.get_logger("x").info("made_key", api_key="mts_abc_verysecret")
    finally:
        logging.getLogger().removeHandler(recorder)
    logged = [json.loads(line) for line in lines]
    request = next(line for line in logged if line["event"] == "request_finished")
    assert request["request_id"] == "request-1"
    assert request["client_ip"] == "127.0.0.1"
    assert (request["level"], request["status"]) == ("info", 401)
    assert request["timestamp"]
    assert "verysecret" not in "".join(lines)


def test_secrets_are_redacted_by_name() -> None:
    assert redact_secrets(None, "info", {"password": "x", "status": 200}) == {"password": "[hidden]", "status": 200}
