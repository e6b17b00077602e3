"""Large uploads are stored on disk: a process holds a body in memory at most once, and not if it is too large."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from common.errors import Malformed
from jobs.api.parsers import parse_json_object
from tests.support.images import png
from tests.support.people import Person

MEGABYTE = 1_000_000
LARGE, TOO_LARGE = 40 * MEGABYTE, 60 * MEGABYTE


class Server:
    """A server process and a client for it."""

    def __init__(self, process: psutil.Process, client: httpx.Client) -> None:
        self.process, self.client = process, client

    def growth(self, work: Callable[[], object]) -> int:
        """Return the peak growth of the memory of the process during the work, in bytes."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")  # resets the peak
        before = self._status("VmRSS")
        work()
        return self._status("VmHWM") - before

    def _status(self, name: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"{name}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024


@pytest.fixture(params=["web", "live"])
def server(request: pytest.FixtureRequest, transactional_db: None, alice: Person) -> Iterator[Server]:
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


def test_an_upload_is_in_memory_at_most_once(server: Any) -> None:
    assert upload(server, png()).status_code == 202  # the first request loads modules
    responses = []
    grown = server.growth(lambda: responses.append(upload(server, b"no picture" * (LARGE // 10))))
    assert responses[0].status_code in {409, 415}
    assert grown < 1.5 * LARGE, grown
    grown = server.growth(lambda: responses.append(upload(server, b"\x89PNG\r\n\x1a\n" + bytes(TOO_LARGE))))
    error = responses[1].json()["error"]
    assert (responses[1].status_code, error["code"]) == (413, "body_too_large")
    assert grown < 0.5 * TOO_LARGE, grown


def test_a_large_body_is_rejected_before_it_is_parsed(server: Any) -> None:
    """Neither as JSON nor as a form, and also with a wrong Content-Length."""
    for kind in ("application/json", "multipart/form-data; boundary=x"):
        responses: list[httpx.Response] = []

        def send(kind: str = kind, responses: list[httpx.Response] = responses) -> None:
            chunks = (bytes(MEGABYTE) for _ in range(TOO_LARGE // MEGABYTE))
            headers = {"Content-Type": kind, "Content-Length": str(TOO_LARGE)}
            responses.append(server.client.post("/v1/videos", content=chunks, headers=headers))

        grown = server.growth(send)
        assert (responses[0].status_code, responses[0].json()["error"]["code"]) == (413, "body_too_large"), kind
        assert grown < 0.5 * TOO_LARGE, (kind, grown)


@pytest.mark.parametrize(("depth", "is_accepted"), [(99, True), (100, False), (990, False), (90_000, False)])
def test_the_depth_of_json_is_bounded(depth: int, is_accepted: bool) -> None:
    """The bound does not depend on how much of the stack a request has used."""
    body = f'{{"prompt": {"[" * depth}{"]" * depth}}}'.encode()
    if is_accepted:
        assert parse_json_object(body)["prompt"] is not None
    else:
        with pytest.raises(Malformed, match="nested too deeply"):
            parse_json_object(body)
