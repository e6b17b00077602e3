"""Requests while the folder for temporary files is full or read-only: 503 with a message, and a reason in /health."""

import asyncio
import gc
import io
import json
import subprocess
import tempfile
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from common.temporary_files import as_overloaded
from portal.web.asgi_handler import LiveHandler
from portal.web.request_guards import AsgiRequestGuard, WsgiRequestGuard
from tests.support.people import Person

# After the error Django leaves its file to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

MESSAGE = "The site has no space for this request."
LARGE = bytes(2_000_000)


@pytest.fixture(params=["full", "read-only"])
def unwritable_folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    folder = tmp_path / "tmp"
    folder.mkdir()
    options = "size=64k" if request.param == "full" else "ro"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False).returncode:
        pytest.skip("only root may mount a file system")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    if request.param == "full":
        with (folder / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space left"):
            while True:
                filler.write(bytes(4096))
    yield folder
    gc.collect()
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("path", ["/", "/v1/videos", "/generate"])
def test_an_upload_is_refused(path: str, alice: Person, unwritable_folder: Path) -> None:
    for _ in range(2):
        image = SimpleUploadedFile("cat.png", LARGE, content_type="image/png")
        headers = {} if path == "/" else alice.headers
        response = alice.client.post(path, {"prompt": "x", "image": image}, headers=headers)
        assert response.status_code == 503
        assert MESSAGE in response.content.decode()


def test_a_chunked_body_is_refused(unwritable_folder: Path) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/v1/videos",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": io.BytesIO(LARGE),
    }
    statuses: list[str] = []
    body = b"".join(WsgiRequestGuard(lambda *_: [])(environ, lambda status, _headers: statuses.append(status)))
    assert statuses == ["503 Service Unavailable"]
    assert MESSAGE in body.decode()


@pytest.mark.parametrize("parts", [1, 3])
def test_a_body_of_an_asgi_server_is_refused_after_it_was_received(parts: int, unwritable_folder: Path) -> None:
    sent: list[MutableMapping[str, Any]] = []
    pieces = [LARGE] * parts

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(), "more_body": bool(pieces)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    length = str(parts * len(LARGE)).encode()
    scope = {"type": "http", "method": "POST", "path": "/v1/videos", "headers": [(b"content-length", length)]}
    asyncio.run(AsgiRequestGuard(LiveHandler())(scope, receive, send))
    start, body = sent
    assert start["status"] == 503
    assert MESSAGE in json.loads(body["body"])["error"]["message"]
    assert pieces == []


@pytest.mark.django_db
def test_health_reports_it(unwritable_folder: Path) -> None:
    assert "temporary_folder_unwritable" in Client().get("/health").json()["reasons"]


def test_a_process_that_has_not_found_a_folder_yet(unwritable_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(unwritable_folder)])
    with pytest.raises(FileNotFoundError) as raised:
        tempfile.gettempdir()
    assert as_overloaded(raised.value) is not None


def test_other_errors_are_no_outage() -> None:
    assert as_overloaded(FileNotFoundError(2, "No such file")) is None
    assert as_overloaded(ValueError("x")) is None
