"""Responses with a stored file: ranges, conditions, and how much of a large file is in memory."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from common.errors import Gone, Overloaded
from common.streaming import StreamedResponse
from jobs.storage import files
from jobs.storage.file_responses import file_response
from jobs.storage.files import CHUNK_BYTES, file_chunks, read_range

KEY = "teams/1/videos/2/1/video.mp4"
SMALL = bytes(range(256)) * 4
LARGE = bytes(range(256)) * ((3 * CHUNK_BYTES) // 256) + b"the end"


@pytest.fixture(autouse=True)
def _own_media(own_media: None) -> None:
    pass


@pytest.fixture
def stored() -> bytes:
    default_storage.save(KEY, ContentFile(SMALL))
    return SMALL


@pytest.fixture
def large() -> bytes:
    default_storage.save(KEY, ContentFile(LARGE))
    return LARGE


def respond(method: str = "GET", **headers: str) -> Any:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = RequestFactory().generic(method, "/", headers=names)
    return file_response(request, KEY, filename="a video.mp4", as_attachment=False)


def content_of(response: HttpResponseBase) -> bytes:
    content = b"".join(response)
    response.close()
    return bytes(content)


@pytest.mark.usefixtures("stored")
def test_a_small_file_is_one_response() -> None:
    response = respond()
    assert (response.status_code, response.content, response["Content-Length"]) == (200, SMALL, "1024")
    assert (response["Content-Type"], response["Accept-Ranges"]) == ("video/mp4", "bytes")
    assert response["Content-Disposition"] == 'inline; filename="a video.mp4"'


@pytest.mark.usefixtures("large")
def test_a_large_file_is_streamed() -> None:
    response = respond()
    assert isinstance(response, StreamedResponse)
    assert (response.status_code, response["Content-Length"]) == (200, str(len(LARGE)))
    chunks = [bytes(chunk) for chunk in response]
    assert max(map(len, chunks)) == CHUNK_BYTES
    assert b"".join(chunks) == LARGE


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("given", "start", "stop"),
    [
        ("bytes=0-", 0, len(LARGE)),
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        (f"bytes={CHUNK_BYTES - 1}-{CHUNK_BYTES}", CHUNK_BYTES - 1, CHUNK_BYTES + 1),
        (f"bytes=1-{2 * CHUNK_BYTES}", 1, 2 * CHUNK_BYTES + 1),
        ("bytes=-7", len(LARGE) - 7, len(LARGE)),
        (f"bytes=-{len(LARGE) * 2}", 0, len(LARGE)),
        (f"bytes={len(LARGE) - 1}-{len(LARGE) * 2}", len(LARGE) - 1, len(LARGE)),
    ],
)
def test_a_range(given: str, start: int, stop: int) -> None:
    response = respond(Range=given)
    assert (response.status_code, response["Content-Length"]) == (206, str(stop - start))
    assert response["Content-Range"] == f"bytes {start}-{stop - 1}/{len(LARGE)}"
    assert content_of(response) == LARGE[start:stop]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("given", ["bytes=1024-", "bytes=9999-10000"])
def test_a_range_behind_the_end(given: str) -> None:
    response = respond(Range=given)
    assert (response.status_code, response.get("Content-Range"), response.content) == (416, "bytes */1024", b"")


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("given", ["bytes=0-1,5-6", "lines=0-1", "nonsense", "bytes=b-a", "bytes=5-1", "bytes=-0"])
def test_any_other_range_is_ignored(given: str) -> None:
    response = respond(Range=given)
    assert (response.status_code, response.content) == (200, SMALL)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        ("{tag}", 206),
        # Parts of two versions must not be put together: only the same strong tag will do.
        ("W/{tag}", 200),
        ('"another"', 200),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 200),
    ],
)
def test_if_range(if_range: str, status: int) -> None:
    tag = respond()["ETag"]
    response = respond(Range="bytes=0-9", If_Range=if_range.format(tag=tag))
    assert (response.status_code, response.content) == (status, SMALL[:10] if status == 206 else SMALL)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("name", "tags", "status"),
    [
        ("If_None_Match", "{tag}", 304),
        ("If_None_Match", "W/{tag}", 304),
        ("If_None_Match", '"another", {tag}', 304),
        ("If_None_Match", "*", 304),
        ("If_None_Match", '"another"', 200),
        ("If_Match", "{tag}", 200),
        ("If_Match", "*", 200),
        ("If_Match", "W/{tag}", 412),
        ("If_Match", '"another"', 412),
    ],
)
def test_conditions(name: str, tags: str, status: int) -> None:
    whole = respond()
    response = respond(**{name: tags.format(tag=whole["ETag"])})
    assert response.status_code == status
    for header in ("ETag", "Cache-Control", "Vary", "X-Content-Type-Options"):
        assert response[header] == whole[header]


@pytest.mark.usefixtures("large")
def test_a_condition_is_checked_before_the_range() -> None:
    tag = respond()["ETag"]
    assert respond(Range="bytes=0-9", If_None_Match=tag).status_code == 304


@pytest.mark.parametrize("content", [SMALL, LARGE], ids=["small", "large"])
def test_head_has_the_headers_only(content: bytes) -> None:
    default_storage.save(KEY, ContentFile(content))
    response = respond("HEAD")
    assert (response.status_code, response["Content-Length"], content_of(response)) == (200, str(len(content)), b"")


def test_a_missing_file_is_gone() -> None:
    with pytest.raises(Gone):
        respond()


@pytest.mark.usefixtures("large")
def test_a_failing_storage_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError("Input/output error")

    monkeypatch.setattr(files, "_read_range", fail)
    with pytest.raises(Overloaded, match="storage does not respond"):
        respond()


@pytest.mark.usefixtures("large")
def test_a_file_that_is_lost_while_it_is_sent_cuts_the_response() -> None:
    chunks = iter(respond())
    assert next(chunks) == LARGE[:CHUNK_BYTES]
    default_storage.delete(KEY)
    with pytest.raises(FileNotFoundError):
        next(chunks)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(("start", "stop"), [(0, 1025), (1000, 2000), (1024, 1025)])
def test_a_file_that_is_shorter_than_expected_is_an_error(start: int, stop: int) -> None:
    with pytest.raises(OSError, match="ends after 1024 bytes"):
        read_range(KEY, start, stop)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(("start", "stop"), [(0, 0), (5, 5), (0, 1), (1023, 1024), (0, 1024)])
def test_a_part_of_a_file(start: int, stop: int) -> None:
    assert read_range(KEY, start, stop) == SMALL[start:stop]
    assert b"".join(file_chunks(KEY, start, stop)) == SMALL[start:stop]


def test_no_file_is_open_between_two_chunks(large: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    open_file = FileSystemStorage.open

    def record(storage: FileSystemStorage, name: str, mode: str = "rb") -> Any:
        opened.append(open_file(storage, name, mode))
        return opened[-1]

    monkeypatch.setattr(FileSystemStorage, "open", record)
    chunks: Iterator[bytes] = file_chunks(KEY, 0, len(large))
    for _ in range(2):
        next(chunks)
        assert all(file.closed for file in opened)
    assert len(opened) == 2
