"""The context of a request: its id, the client's address, its log line."""

import asyncio
import json
import logging
import threading

import pytest
import structlog
from asgiref.sync import iscoroutinefunction
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.module_loading import import_string

from common.middleware import SyncAndAsyncMiddleware
from portal.settings.logging_config import redact_secrets
from portal.web.middleware import client_ip_address


def test_every_middleware_is_asynchronous_too(settings):
    """One that is not would put each waiting call on a thread of its own."""
    assert [path for path in settings.MIDDLEWARE if not import_string(path).async_capable] == []


def test_ours_take_no_thread_for_a_call_of_a_program(settings):
    """Whatever waits for a thread is suspended meanwhile; these coroutines run to their end at once."""
    found = [import_string(path) for path in settings.MIDDLEWARE]
    ours = [each for each in found if isinstance(each, type) and issubclass(each, SyncAndAsyncMiddleware)]
    assert len(ours) == 4

    async def view(request):
        return HttpResponse("of the view")

    for middleware in ours:
        request = RequestFactory().get("/v1/videos/vid_1/events", headers={"Authorization": "Bearer mts_a_b"})
        request.request_id = "request-1"
        with pytest.raises(StopIteration) as end:
            middleware(view)(request).send(None)
        assert end.value.value.content == b"of the view"


class Answering(SyncAndAsyncMiddleware):
    """Answers before or after the view, and notes in which threads."""

    def before(self, request):
        self.threads = [threading.get_ident()]
        return (lambda: self.answer("before")) if "before" in request.GET else None

    def after(self, request, response):
        return (lambda: self.answer("after")) if "after" in request.GET else (lambda: None)

    def answer(self, text):
        self.threads.append(threading.get_ident())
        return HttpResponse(text)


@pytest.mark.parametrize(("query", "said"), [("", b"of the view"), ("before", b"before"), ("after", b"after")])
def test_a_step_answers_under_either_kind_of_server(query, said):
    async def view(request):
        return HttpResponse("of the view")

    request = RequestFactory().get("/", {query: "1"})
    behind_sync = Answering(lambda request: HttpResponse("of the view"))
    behind_async = Answering(view)
    assert not iscoroutinefunction(behind_sync)
    assert iscoroutinefunction(behind_async)
    assert behind_sync(request).content == said
    assert asyncio.run(behind_async(request)).content == said
    assert len(set(behind_sync.threads)) == 1
    assert len(set(behind_async.threads)) == len(behind_async.threads)  # a step may wait: never in the loop's thread


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "", "9.9.9.9"),
        (0, "1.2.3.4", "9.9.9.9"),  # nobody vouches for it
        (1, "1.2.3.4", "1.2.3.4"),
        (1, "6.6.6.6, 1.2.3.4", "1.2.3.4"),  # the client made the first one up
        (2, "6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4"),
        (1, "", "9.9.9.9"),
        (1, "garbage", "unknown"),
        (1, "2001:db8::1", "2001:db8::1"),
    ],
)
def test_the_clients_address_is_what_trusted_proxies_say(proxies, forwarded, address, settings):
    settings.TRUSTED_PROXIES = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert client_ip_address(RequestFactory().get("/", headers=headers, REMOTE_ADDR="9.9.9.9")) == address


@pytest.mark.parametrize(("given", "kept"), [("abc-123.DEF_9", True), ("short", False), ("a b c d e f", False)])
def test_a_harmless_request_id_is_kept(given, kept, client):
    answer = client.get("/livez", headers={"X-Request-Id": given})
    assert (answer["X-Request-Id"] == given) is kept
    assert answer["X-Request-Id"]


def test_the_log_line_of_a_request_is_one_json_object_and_holds_no_secret(client, db):
    lines: list[str] = []
    handler = logging.getLogger().handlers[0]
    keep = logging.Handler()
    keep.setFormatter(handler.formatter)
    keep.emit = lambda record: lines.append(keep.format(record))
    logging.getLogger().addHandler(keep)
    try:
        client.get("/v1/models", headers={"Authorization": "Bearer mts_abc_verysecret", "X-Request-Id": "request-1"})
        structlog.get_logger("x").info("made_key", api_key="mts_abc_verysecret")
    finally:
        logging.getLogger().removeHandler(keep)
    logged = [json.loads(line) for line in lines]
    request = next(line for line in logged if line["event"] == "request_finished")
    assert request["request_id"] == "request-1"
    assert request["client_ip"] == "127.0.0.1"
    assert (request["level"], request["status"]) == ("info", 401)
    assert request["timestamp"]
    assert "verysecret" not in "".join(lines)


def test_secrets_are_blanked_by_name():
    assert redact_secrets(None, "info", {"password": "x", "status": 200}) == {"password": "[hidden]", "status": 200}
