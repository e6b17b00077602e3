"""Retries, against a local HTTP server with prepared responses."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mutoscope import ConnectionFailed, LimitExceeded, Mutoscope, ServerError

Response = tuple[int, dict[str, str], object]


@contextmanager
def fake_server(*responses: Response | None) -> Iterator[tuple[str, list[str]]]:
    """Serves the responses (status, headers, body) in order; None closes the connection.

    Yields its URL and the list of the requested paths.
    """
    remaining, paths = list(responses), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            response = remaining.pop(0)
            if response is None:
                self.connection.close()
                return
            status, headers, body = response
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()
    thread.join()


def error_response(status: int, code: str, **headers: str) -> Response:
    return status, headers, {"error": {"message": "no", "code": code, "request_id": "r"}}


SUCCESS: Response = (200, {}, {"data": [{"id": "camera"}]})


@pytest.fixture(autouse=True)
def _short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mutoscope.retries._INITIAL_BACKOFF_SECONDS", 0.001)


@pytest.mark.parametrize(
    "fault",
    [
        None,
        error_response(503, "overloaded"),
        error_response(502, "x"),
        (500, {}, "a proxy's page"),
        error_response(429, "rate_limited", **{"Retry-After": "0"}),
    ],
    ids=["closed", "503", "502", "500", "429"],
)
def test_transient_errors_are_retried(fault: Response | None) -> None:
    with fake_server(fault, fault, SUCCESS) as (url, paths), Mutoscope(url, "k") as client:
        assert client.models() == [{"id": "camera"}]
    assert len(paths) == 3


def test_retries_are_limited() -> None:
    with fake_server(*[error_response(503, "overloaded")] * 3) as (url, paths), pytest.raises(ServerError):
        Mutoscope(url, "k", max_retries=2).models()
    assert len(paths) == 3
    with fake_server(None, None) as (url, paths), pytest.raises(ConnectionFailed, match="does not respond"):
        Mutoscope(url, "k", max_retries=1).models()
    assert len(paths) == 2


@pytest.mark.parametrize(
    "response",
    [
        error_response(429, "quota_exceeded", **{"Retry-After": "1"}),
        error_response(429, "rate_limited", **{"Retry-After": "3600"}),
    ],
    ids=["quota", "an hour"],
)
def test_exceeded_quotas_and_long_waits_are_not_retried(response: Response) -> None:
    with fake_server(response) as (url, paths), Mutoscope(url, "k") as client, pytest.raises(LimitExceeded) as caught:
        client.models()
    assert len(paths) == 1
    assert caught.value.retry_after


def test_download_follows_a_redirect_to_the_storage(tmp_path: Path) -> None:
    with (
        fake_server((200, {}, "video")) as (storage, storage_paths),
        fake_server((302, {"Location": f"{storage}/video"}, "")) as (url, paths),
    ):
        Mutoscope(url, "mts_x_y").download("vid_1", tmp_path / "video.mp4")
    assert (tmp_path / "video.mp4").read_bytes() == b'"video"'
    assert (len(paths), storage_paths) == (1, ["/video"])
