"""What is sent again, and what is not, against a real server that fails as told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mutoscope import ConnectionFailed, LimitExceeded, Mutoscope, ServerError


@contextmanager
def fake_server(*answers: tuple[int, dict[str, str], object] | None) -> Iterator[tuple[str, list[str]]]:
    """A server with these answers in turn (status, headers, body); None closes the line. Its address and calls."""
    left, calls = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            answer = left.pop(0)
            if answer is None:
                self.connection.close()
                return
            status, headers, body = answer
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
    yield f"http://127.0.0.1:{server.server_port}", calls
    server.shutdown()
    server.server_close()
    thread.join()


def error_response(status: int, code: str, **headers: str) -> tuple[int, dict[str, str], object]:
    return status, headers, {"error": {"message": "no", "code": code, "request_id": "r"}}


FINE = (200, {}, {"data": [{"id": "camera"}]})


@pytest.fixture(autouse=True)
def _quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
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
    ids=["cut", "503", "502", "500", "429"],
)
def test_what_passes_is_tried_again(fault):
    with fake_server(fault, fault, FINE) as (url, calls), Mutoscope(url, "k") as client:
        assert client.models() == [{"id": "camera"}]
    assert len(calls) == 3


def test_it_gives_up_after_so_many_tries():
    with fake_server(*[error_response(503, "overloaded")] * 3) as (url, calls), pytest.raises(ServerError):
        Mutoscope(url, "k", max_retries=2).models()
    assert len(calls) == 3
    with fake_server(None, None) as (url, calls), pytest.raises(ConnectionFailed, match="does not respond"):
        Mutoscope(url, "k", max_retries=1).models()
    assert len(calls) == 2


@pytest.mark.parametrize(
    "answer",
    [
        error_response(429, "quota_exceeded", **{"Retry-After": "1"}),
        error_response(429, "rate_limited", **{"Retry-After": "3600"}),
    ],
    ids=["quota", "an hour"],
)
def test_what_does_not_pass_soon_is_told_at_once(answer):
    with fake_server(answer) as (url, calls), Mutoscope(url, "k") as client, pytest.raises(LimitExceeded) as caught:
        client.models()
    assert len(calls) == 1
    assert caught.value.retry_after


def test_a_download_follows_to_the_storage(tmp_path):
    with (
        fake_server((200, {}, "film")) as (storage, fetched),
        fake_server((302, {"Location": f"{storage}/film"}, "")) as (
            url,
            calls,
        ),
    ):
        Mutoscope(url, "mts_x_y").download("vid_1", tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() == b'"film"'
    assert (len(calls), fetched) == (1, ["/film"])
