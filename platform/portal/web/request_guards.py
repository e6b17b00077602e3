"""Refuses requests that Django would fail on, or store, before any middleware runs, and ends those of slow clients."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from http import HTTPStatus
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import structlog
from corsheaders.middleware import CorsMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse, parse_cookie

from common import temporary_files
from common.errors import Malformed, MutoscopeError
from common.ratelimit import RateLimitExceeded, rate_limit_headers
from jobs.api.presented_keys import presented_key, recent_refusals
from portal.web.body_limits import body_too_large, body_too_slow, max_body_bytes, request_error
from portal.web.caller_slots import CallerSlot, CallerSlots
from portal.web.error_handlers import error_response
from portal.web.middleware import accepted_request_id, client_ip_address
from portal.web.view_lookup import has_async_view, has_throttled_view

log = structlog.get_logger(__name__)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Environ = dict[str, Any]
# Small bodies get at least this share of the time for a large one.
_MIN_TIMEOUT_SHARE = 0.25
# Pages of other origins must be able to read a refusal, too.
_CORS = CorsMiddleware(lambda _request: HttpResponse())


def _refuse(
    error: MutoscopeError, *, method: str, path: str, client_ip: str, client_request_id: str, origin: str | None
) -> HttpResponse:
    request = HttpRequest()
    request.method, request.path, request.path_info = method, path, path
    if origin is not None:
        request.META["HTTP_ORIGIN"] = origin
    request.request_id = response_request_id = accepted_request_id(client_request_id)  # type: ignore[attr-defined]
    structlog.contextvars.clear_contextvars()  # those of the last request in this thread
    log.info(
        "request_refused",
        client_ip=client_ip,
        request_id=response_request_id,
        method=method,
        path=path,
        status=error.status,
        code=error.code,
    )
    response = error_response(request, error)
    response["X-Request-Id"] = response_request_id
    response["Content-Length"] = str(len(response.content))
    if isinstance(error, RateLimitExceeded):
        for name, value in rate_limit_headers(error.windows).items():
            response[name] = value
    _CORS.add_response_headers(request, response)
    return response


def _rate_limit_error(headers: Mapping[str, str], path: str, query: str) -> MutoscopeError | None:
    """Return the error of a request whose key recently exceeded a limit. A signed URL needs no key."""
    key = presented_key(headers, path)
    error = recent_refusals.find(key) if key and "token=" not in query else None
    return error if error and has_throttled_view(path) else None


def _slot_holder(headers: Mapping[str, str], path: str, client_ip: str) -> tuple[str, str]:
    """Return whose slots a request takes: those of an API key, of a session, or of an IP address."""
    if key := presented_key(headers, path):
        return "key", key
    session = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME)
    return ("session", session) if session else ("address", client_ip)


class AsgiRequestGuard:
    """Wraps Django's ASGI application, which stores a whole body on disk before any middleware sees the request."""

    def __init__(self, application: Callable[..., Awaitable[None]]) -> None:
        self.application = application
        self._slots = CallerSlots()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        headers = {name.decode("latin1"): value.decode("latin1") for name, value in scope["headers"]}
        path = scope["path"]
        peer = (scope.get("client") or ("", 0))[0]
        client_ip = client_ip_address(peer, headers.get("x-forwarded-for", ""))
        error = request_error(headers, path) or _rate_limit_error(
            headers, path, scope.get("query_string", b"").decode("latin1")
        )
        if error is None:
            max_bytes = max_body_bytes(path, headers.get("content-type"))
            share = max_bytes / settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            timeout_seconds = settings.REQUEST_BODY_TIMEOUT_SECONDS * max(share, _MIN_TIMEOUT_SHARE)
            slot = None
            # Health checks and scrapes must not wait for anybody.
            if path not in settings.UNLOGGED_PATHS and not has_async_view(path):
                slot = self._slots.slot_for(_slot_holder(headers, path, client_ip))
            body = _BoundedBody(receive, seconds=timeout_seconds, max_bytes=max_bytes, slot=slot)
            response_guard = _TimedResponse(send, path=path, seconds=settings.RESPONSE_WRITE_TIMEOUT_SECONDS, slot=slot)
            try:
                await self.application(scope, body.receive, response_guard.send)
            except OSError as failure:
                body.error = body.error or temporary_files.as_overloaded(failure)
                if body.error is None or response_guard.has_started:
                    raise
                await body.drain()
            finally:
                if slot:
                    slot.release()
            if body.error is None:
                return
            error = body.error
        response = _refuse(
            error,
            method=scope["method"],
            path=scope["path"],
            client_ip=client_ip,
            client_request_id=headers.get("x-request-id", ""),
            origin=headers.get("origin"),
        )
        if error.status == 408 or "transfer-encoding" in headers:  # the rest of that body must not be read as a request
            response["Connection"] = "close"
        lines = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in response.items()]
        await send({"type": "http.response.start", "status": error.status, "headers": lines})
        await send({"type": "http.response.body", "body": response.content})


class _BoundedBody:
    """A `receive` that disconnects if the body is too large or too slow. Django then returns without a response."""

    def __init__(self, receive: Receive, *, seconds: float, max_bytes: int, slot: CallerSlot | None) -> None:
        self.error: MutoscopeError | None = None
        self._slot = slot
        self._receive = receive
        self._complete = False
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._received_bytes, self._max_bytes = 0, max_bytes

    async def receive(self) -> Message:
        if self._complete:
            return await self._receive()  # waits for the client to disconnect, until the response is sent
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive_part()
                # Many clients read no response before they have sent the body: receive a little more than the limit.
                while self.error and not self._complete and self._received_bytes <= 5 * self._max_bytes // 4:
                    message = await self._receive_part()
        except TimeoutError:
            self.error = self.error or body_too_slow()
        if self.error:
            return {"type": "http.disconnect"}
        if self._complete and self._slot and not await self._slot.acquire(self._receive):
            return {"type": "http.disconnect"}
        return message

    async def drain(self) -> None:
        """Receive the rest of a body that was refused."""
        if not self._complete:
            await self.receive()

    async def _receive_part(self) -> Message:
        message = await self._receive()
        self._complete = not message.get("more_body", False)
        self._received_bytes += len(message.get("body", b""))
        if self._received_bytes > self._max_bytes:
            self.error = body_too_large(self._max_bytes)
        return message


class _TimedResponse:
    """A `send` that gives up if the client does not accept a part of the response in time.

    Django then ends the response as if the client had disconnected, and the server closes the connection.
    """

    def __init__(self, send: Send, *, path: str, seconds: float, slot: CallerSlot | None) -> None:
        self.has_started = False
        self._slot = slot
        self._send, self._path, self._seconds = send, path, seconds

    async def send(self, message: Message) -> None:
        self.has_started = True
        if self._slot:
            self._slot.release()
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(message)
        except TimeoutError:
            log.info("slow_client_disconnected", path=self._path, seconds=self._seconds)
            raise asyncio.CancelledError from None


class WsgiRequestGuard:
    """Wraps Django's WSGI application. The proxy in front of it limits the time that a body may take."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_TRANSFER_ENCODING" not in environ:
            return self._respond(environ, start_response)
        with SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE) as body:
            return self._respond(environ, start_response, body)

    def _respond(
        self, environ: Environ, start_response: Callable[..., Any], chunked_body: IO[bytes] | None = None
    ) -> Iterable[bytes]:
        names = {
            "transfer-encoding": "HTTP_TRANSFER_ENCODING",
            "content-length": "CONTENT_LENGTH",
            "content-encoding": "HTTP_CONTENT_ENCODING",
            "content-type": "CONTENT_TYPE",
            "authorization": "HTTP_AUTHORIZATION",
            "x-api-key": "HTTP_X_API_KEY",
        }
        headers = {name: environ[key] for name, key in names.items() if key in environ}
        path = environ.get("PATH_INFO", "")
        error = request_error(headers, path) or _rate_limit_error(headers, path, environ.get("QUERY_STRING", ""))
        if error is None and chunked_body is not None:
            error = _store_chunked_body(environ, path, chunked_body)
        if error is None:
            chunks = self.application(environ, start_response)
        else:
            client_request_id = environ.get("HTTP_X_REQUEST_ID", "")
            response = _refuse(
                error,
                method=environ["REQUEST_METHOD"],
                path=path,
                client_ip=client_ip_address(environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")),
                client_request_id=client_request_id,
                origin=environ.get("HTTP_ORIGIN"),
            )
            start_response(f"{error.status} {HTTPStatus(error.status).phrase}", list(response.items()))
            chunks = [response.content]
        try:
            if chunked_body is None:  # a chunked body may be endless
                _drain_body(environ, path)
        except BaseException:  # the client disconnected, and the server cannot close a response that it did not get
            getattr(chunks, "close", lambda: None)()
            raise
        return chunks


def _store_chunked_body(environ: Environ, path: str, body: IO[bytes]) -> MutoscopeError | None:
    """Receive a chunked body and set its length, which Django needs. Return the error of a body that is refused."""
    max_bytes = max_body_bytes(path, environ.get("CONTENT_TYPE"))
    try:
        while chunk := environ["wsgi.input"].read(1 << 16):
            body.write(chunk)
            if body.tell() > max_bytes:
                return body_too_large(max_bytes)
    except Exception as failure:  # of the server, each with a class of its own
        if (overloaded := temporary_files.as_overloaded(failure)) is not None:
            return overloaded
        log.info("chunked_body_damaged", path=path, exc_info=True)
        return Malformed("The chunked body is damaged or incomplete. Send it again.")
    environ["CONTENT_LENGTH"] = str(body.tell())
    body.seek(0)
    environ["wsgi.input"] = body
    return None


def _drain_body(environ: Environ, path: str) -> None:
    """Read the rest of a body that was refused unread, up to the size that the proxy lets through.

    If the server closed the connection while the proxy still sends, the proxy would treat the site as down, and its
    client would never see the error.
    """
    length = environ.get("CONTENT_LENGTH") or "0"
    max_bytes = 5 * max(max_body_bytes(path, environ.get("CONTENT_TYPE")), settings.DATA_UPLOAD_MAX_MEMORY_SIZE) // 4
    if length.isascii() and length.isdigit() and len(length) <= 18 and int(length) <= max_bytes:
        while environ["wsgi.input"].read(1 << 16):
            pass
