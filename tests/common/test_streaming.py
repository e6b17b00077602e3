"""Streamed responses: what they hold while a client reads, how they end, and that there is no other way to stream."""

import asyncio
import re
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextvars import ContextVar
from typing import Any

import pytest
import structlog
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory, RequestFactory

from accounts import tenancy
from common.streaming import ReleaseConnectionsMiddleware, StreamedResponse, release_connections
from jobs.models import Job
from tests.support.interpreter import ROOT
from tests.support.people import Person

# Each test of both kinds of server gets the function that makes a request and the one that reads a response.
Read = Callable[[StreamedResponse], list[bytes]]


def read_sync(response: StreamedResponse) -> list[bytes]:
    try:
        return [bytes(chunk) for chunk in response]
    finally:
        response.close()


async def read_async(response: StreamedResponse) -> list[bytes]:
    try:
        return [bytes(chunk) async for chunk in response]
    finally:
        await sync_to_async(response.close)()


class Server:
    """One of the two kinds of server."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async

    def request(self, method: str = "GET") -> HttpRequest:
        factory: Any = AsyncRequestFactory() if self.is_async else RequestFactory()
        request: HttpRequest = factory.generic(method, "/")
        request.user = AnonymousUser()
        return request

    def read(self, response: StreamedResponse) -> list[bytes]:
        assert response.is_async is self.is_async
        return async_to_sync(read_async)(response) if self.is_async else read_sync(response)


@pytest.fixture(params=["wsgi", "asgi"])
def server(request: pytest.FixtureRequest) -> Server:
    return Server(is_async=request.param == "asgi")


def numbers(count: int) -> Generator[bytes]:
    for number in range(count):
        yield str(number).encode()


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_all_chunks_are_sent_in_order(server: Server, count: int) -> None:
    assert server.read(StreamedResponse(server.request(), numbers(count))) == list(numbers(count))


def test_status_headers_and_type(server: Server) -> None:
    response = StreamedResponse(
        server.request(), numbers(1), status=206, content_type="text/csv", headers={"Content-Length": "1"}
    )
    assert (response.status_code, response["Content-Type"], response["Content-Length"]) == (206, "text/csv", "1")
    response.close()


def test_head_has_no_content_and_makes_none(server: Server) -> None:
    made: list[str] = []

    def chunks() -> Generator[bytes]:
        made.append("started")
        yield b"content"

    assert server.read(StreamedResponse(server.request("HEAD"), chunks())) == []
    assert made == []


def test_an_error_before_the_first_byte_is_raised_at_once(server: Server) -> None:
    def chunks() -> Generator[bytes]:
        raise FileNotFoundError("no such file")
        yield b""

    with pytest.raises(FileNotFoundError):
        StreamedResponse(server.request(), chunks())


def test_a_later_error_cuts_the_stream(server: Server) -> None:
    def chunks() -> Generator[bytes]:
        yield b"half"
        raise OSError("the storage does not respond")

    response = StreamedResponse(server.request(), chunks())
    received: list[bytes] = []

    async def read_parts() -> None:
        async for chunk in response:
            received.append(chunk)  # noqa: PERF401 (an error keeps the chunks before it)

    with structlog.testing.capture_logs() as logs, pytest.raises(OSError, match="does not respond"):
        if server.is_async:
            async_to_sync(read_parts)()
        else:
            for chunk in response:
                received.append(bytes(chunk))  # noqa: PERF401
    assert received == [b"half"]
    assert [(line["event"], line["reason"]) for line in logs] == [
        ("stream_interrupted", "the storage does not respond")
    ]


class Content:
    """A generator that tells whether it was closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def chunks(self) -> Generator[bytes]:
        try:
            while True:
                yield b"more"
        finally:
            self.closed.set()


@pytest.mark.parametrize("read_first", [True, False])
def test_a_closed_response_closes_its_generator(server: Server, read_first: bool) -> None:
    content = Content()
    response = StreamedResponse(server.request(), content.chunks())

    async def read_one() -> bytes:
        return await anext(aiter(response))

    if read_first:
        assert (async_to_sync(read_one)() if server.is_async else next(iter(response))) == b"more"
    response.close()
    assert content.closed.is_set()


def test_a_client_that_disconnects_during_a_step() -> None:
    """The step cannot be interrupted. The generator is closed after it."""
    in_step, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    def chunks() -> Generator[bytes]:
        try:
            yield b"first"
            in_step.set()
            assert go_on.wait(60)
            yield b"second"
        finally:
            closed.set()

    async def read_and_disconnect() -> None:
        response = StreamedResponse(Server(is_async=True).request(), chunks())
        reader = asyncio.create_task(read_async(response))
        assert await asyncio.to_thread(in_step.wait, 60)
        reader.cancel()
        assert not closed.is_set()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert await asyncio.to_thread(closed.wait, 60)

    asyncio.run(read_and_disconnect())


VARIABLE: ContextVar[str] = ContextVar("variable", default="unset")


def test_every_step_runs_in_the_context_of_the_request(server: Server) -> None:
    def chunks() -> Generator[bytes]:
        for _ in range(3):
            yield VARIABLE.get().encode()

    token = VARIABLE.set("of the request")
    response = StreamedResponse(server.request(), chunks())
    VARIABLE.reset(token)
    assert server.read(response) == [b"of the request"] * 3


@pytest.mark.django_db(transaction=True)
def test_the_row_policies_of_the_request_apply_to_every_step(
    server: Server, alice: Person, charlie: Person, submit: Callable[..., Job]
) -> None:
    submit()
    job = submit()
    team_of_others = charlie.team.pk

    def chunks() -> Generator[bytes]:
        for _ in range(3):
            yield str(Job.objects.count()).encode()

    for team, count in ((job.team_id, b"2"), (team_of_others, b"0")):
        tenancy.activate(team_id=team)
        response = StreamedResponse(server.request(), chunks())
        tenancy.deactivate()
        assert server.read(response) == [count] * 3


def is_connected() -> bool:
    return connection.connection is not None


@pytest.mark.django_db(transaction=True)
def test_no_connection_is_held_between_two_steps(server: Server) -> None:
    """Each step queries the database. After each, its thread has no connection."""
    held: list[bool] = []

    def chunks() -> Generator[bytes]:
        for _ in range(4):
            held.append(is_connected())
            Job.objects.count()
            assert is_connected()
            yield b"row"

    release_connections()
    assert server.read(StreamedResponse(server.request(), chunks())) == [b"row"] * 4
    # The first step is the view's, whose connection the middleware releases.
    assert held[2:] == [False, False]


@pytest.mark.django_db(transaction=True)
def test_a_step_that_fails_holds_no_connection(server: Server) -> None:
    threads: list[bool] = []

    def chunks() -> Generator[bytes]:
        yield b"first"
        Job.objects.count()
        try:
            raise OSError("no")
        finally:
            threads.append(is_connected())

    response = StreamedResponse(server.request(), chunks())
    with pytest.raises(OSError, match="no"):
        server.read(response)
    assert threads == [True]
    assert server.is_async or not is_connected()


@pytest.mark.django_db
def test_an_open_transaction_keeps_its_connection() -> None:
    with transaction.atomic():
        release_connections()
        assert is_connected()


def middleware(response: HttpResponse | StreamedResponse) -> ReleaseConnectionsMiddleware:
    return ReleaseConnectionsMiddleware(lambda _request: response)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("streams", "keeps"), [(True, False), (False, True)])
def test_web_releases_its_connection_before_a_stream_only(streams: bool, keeps: bool) -> None:
    server = Server(is_async=False)
    response = StreamedResponse(server.request(), numbers(2)) if streams else HttpResponse("whole")
    Job.objects.count()
    assert middleware(response)(server.request()) is response
    assert is_connected() is keeps


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("streams", [True, False])
def test_live_releases_its_connection_before_every_response(streams: bool) -> None:
    server = Server(is_async=True)

    def view() -> HttpResponse | StreamedResponse:
        Job.objects.count()
        assert is_connected()
        return StreamedResponse(server.request(), numbers(2)) if streams else HttpResponse("whole")

    async def get_response(_request: HttpRequest) -> HttpResponse | StreamedResponse:
        return await sync_to_async(view)()

    async def respond() -> bool:
        await ReleaseConnectionsMiddleware(get_response)(server.request())  # type: ignore[misc]
        return await sync_to_async(is_connected)()

    assert async_to_sync(respond)() is False


def test_an_asynchronous_generator_is_closed_with_its_response() -> None:
    closed = threading.Event()

    async def events() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield b"event"
        finally:
            closed.set()

    async def read_one() -> None:
        content: Any = aiter(StreamedResponse(Server(is_async=True).request(), events()))
        assert await anext(content) == b"event"
        await content.aclose()

    asyncio.run(read_one())
    assert closed.is_set()


def test_many_streams_need_few_threads() -> None:
    """Fifty streams that are read at once run their steps in four threads."""
    names: set[str] = set()

    def chunks() -> Generator[bytes]:
        for _ in range(5):
            names.add(threading.current_thread().name)
            yield b"chunk"

    async def read_all() -> list[list[bytes]]:
        request = Server(is_async=True).request()
        return await asyncio.gather(*(read_async(StreamedResponse(request, chunks())) for _ in range(50)))

    assert asyncio.run(read_all()) == [[b"chunk"] * 5] * 50
    assert len({name for name in names if name.startswith("streams")}) in range(1, 5)


OTHER_WAYS = re.compile(r"\b(StreamingHttpResponse|FileResponse)\b")


def test_there_is_no_other_way_to_stream() -> None:
    code = {path for folder in ("accounts", "jobs", "platform") for path in (ROOT / folder).rglob("*.py")}
    users = {path.relative_to(ROOT).as_posix() for path in code if OTHER_WAYS.search(path.read_text())}
    assert users == {"platform/common/streaming.py"}


@pytest.mark.parametrize(("factory", "releases"), [(AsyncRequestFactory(), True), (RequestFactory(), False)])
def test_a_synchronous_view_of_live_releases_its_connections_too(factory: RequestFactory, releases: bool) -> None:
    response = HttpResponse("as slow to read as its client")
    step = ReleaseConnectionsMiddleware(lambda _request: response).after(factory.get("/"), response)
    assert step is (release_connections if releases else None)
