"""A large upload goes through the disk: a process never holds it twice in memory, and what is too large not at all."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.images import png

MEGABYTE = 1_000_000
LARGE, TOO_LARGE = 40 * MEGABYTE, 60 * MEGABYTE


class Server:
    """The process that answers, and a client of it."""

    def __init__(self, process: psutil.Process, client: httpx.Client) -> None:
        self.process, self.client = process, client

    def growth(self, work: Callable[[], object]) -> int:
        """Bytes by which the process grew at its peak beyond what it held before the work."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")  # forgets the peak so far
        before = self._status("VmRSS")
        work()
        return self._status("VmHWM") - before

    def _status(self, name: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024


@pytest.fixture(params=["web", "live"])
def server(request, transactional_db, alice) -> Iterator[Server]:
    if request.param == "web":
        web = request.getfixturevalue("web_processes")(1)
        with web.client(alice.headers) as client:
            yield Server(web.process.children()[0], client)
    else:
        live = request.getfixturevalue("live_process")()
        with httpx.Client(base_url=live.url, headers=alice.headers, timeout=120) as client:
            yield Server(live.process, client)


def upload(server: Server, content: bytes) -> httpx.Response:
    form = {"prompt": "x", "resolution": "256p", "num_frames": "8"}
    headers = {"Idempotency-Key": "with the digest of the file"}
    return server.client.post("/v1/videos", data=form, files={"image": ("cat.png", content)}, headers=headers)


def test_an_upload_is_in_memory_once_at_most(server):
    assert upload(server, png()).status_code == 202  # whatever is loaded with the first call is loaded
    answers = []
    grown = server.growth(lambda: answers.append(upload(server, b"no picture" * (LARGE // 10))))
    assert answers[0].status_code in {409, 415}
    assert grown < 1.5 * LARGE, grown
    grown = server.growth(lambda: answers.append(upload(server, b"\x89PNG\r\n\x1a\n" + bytes(TOO_LARGE))))
    error = answers[1].json()["error"]
    assert (answers[1].status_code, error["code"]) == (413, "body_too_large")
    assert grown < 0.5 * TOO_LARGE, grown


def test_a_body_that_is_too_large_is_refused_before_it_is_parsed(server):
    """Neither JSON nor a form; a header that lies about the length is no way round."""
    for kind in ("application/json", "multipart/form-data; boundary=x"):
        answers = []

        def send(kind: str = kind, answers: list[httpx.Response] = answers) -> None:
            chunks = (bytes(MEGABYTE) for _ in range(TOO_LARGE // MEGABYTE))
            headers = {"Content-Type": kind, "Content-Length": str(TOO_LARGE)}
            answers.append(server.client.post("/v1/videos", content=chunks, headers=headers))

        grown = server.growth(send)
        assert (answers[0].status_code, answers[0].json()["error"]["code"]) == (413, "body_too_large"), kind
        assert grown < 0.5 * TOO_LARGE, (kind, grown)
