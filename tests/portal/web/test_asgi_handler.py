"""Synchronous requests to `live` cost one change of threads, whatever the number of middleware."""

import asyncio
from typing import Any

import pytest
from asgiref.sync import SyncToAsync

from portal.web.asgi_handler import LiveHandler


def test_middleware_and_view_run_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    original = SyncToAsync.__call__

    async def count(self: Any, *arguments: Any, **named: Any) -> Any:
        called.append(getattr(self.func, "__qualname__", ""))
        return await original(self, *arguments, **named)

    monkeypatch.setattr(SyncToAsync, "__call__", count)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    messages = iter([{"type": "http.request", "body": b""}])

    async def receive() -> Any:
        message = next(messages, None)
        if message is None:
            await asyncio.Event().wait()
        return message

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/livez",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(LiveHandler()(scope, receive, send))
    assert sent[0]["status"] == 200
    assert called.count("BaseHandler.get_response") == 1
    # The signals at the start and end of the request, and the end of the response.
    assert len(called) <= 4, called
