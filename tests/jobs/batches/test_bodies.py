"""Arbitrary lines and large files: each request has a result, in bounded memory."""

import base64
import io
import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from django.core.files.uploadedfile import TemporaryUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.batches.bodies import BatchBody, JsonLinesRequests
from tests.support.api_client import ApiClient
from tests.support.batches import json_lines, send_form, video_request
from tests.support.images import png

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["custom_id", "image_name", "source_video", "image_base64", "prompt", "fps", "cancel_after", "metadata", "seed"]


def request_line(changes: dict[str, Any]) -> bytes:
    return json.dumps(video_request(**changes)).encode()


LINE = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(NAMES), JSON).map(request_line),
)


@pytest.mark.django_db
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sent=st.lists(LINE, min_size=1, max_size=6))
def test_every_line_has_a_result(as_alice: ApiClient, sent: list[bytes]) -> None:
    # After a request, so that the file is JSON Lines.
    response = send_form(as_alice, json_lines([request_line({}), *sent]))
    assert response.status_code in {202, 422}, response.content
    if response.status_code == 202:
        created = response.json()
        assert len(created["items"]) == created["counts"]["total"]
        assert all((item["error"] is None) != (item["video"] is None) for item in created["items"])


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_marks_line_ends_and_blank_lines(mark: bytes, as_alice: ApiClient, settings: Any) -> None:
    """Also a line that is too large, and no line end after the last line."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    first, last = (json.dumps(video_request(number)).encode() for number in (1, 2))
    large = json.dumps(video_request(3, prompt="x" * 10_000)).encode()
    sent = b"\r\n".join([b"", first, b"  ", b'{"prompt": ', large, b"", last])
    shown = send_form(as_alice, mark + sent).json()
    assert [item["error"] and item["error"]["message"] for item in shown["items"]] == [
        None,
        "The line is not valid JSON: Expecting value: line 1 column 11 (char 10)",
        "The line is larger than 0 MB. Send a smaller image.",
        None,
    ]
    assert send_form(as_alice, mark + b"\r\n").json()["error"]["code"] == "wrong_number_of_requests"


@pytest.mark.parametrize("line", [{"a\0": 1}, {"\ud800": 1}, {"metadata": {"\0": "x"}}, {"prompt": "\0"}])
def test_characters_that_cannot_be_stored_are_refused(line: dict[str, Any], as_alice: ApiClient) -> None:
    (item,) = send_form(as_alice, json_lines([line])).json()["items"]
    assert (item["status"], item["error"]["code"]) == ("refused", "invalid_field")


@pytest.mark.parametrize("on_error", ["continue", "fail_fast"])
@pytest.mark.parametrize("name", ["a\0", "\ud800", "", "x" * 101])
def test_invalid_names_of_images_are_refused(name: str, on_error: str, as_alice: ApiClient) -> None:
    body = {"images": {name: ""}, "requests": [video_request()], "on_error": on_error}
    response = as_alice.post("/v1/batches", body)
    assert (response.status_code, response.json()["error"]["param"]) == (422, "images"), response.content


def test_a_file_of_two_hundred_megabytes_is_read_line_by_line() -> None:
    photo = base64.b64encode(png() + b"x" * 300_000).decode()
    file = TemporaryUploadedFile("requests.jsonl", "application/jsonl", 0, None)
    for number in range(500):
        file.write(json_lines([video_request(number, image_name=..., image_base64=photo)]))
    assert file.tell() > 200_000_000
    batch_body = BatchBody({}, JsonLinesRequests(file))
    process = psutil.Process(os.getpid())
    before = peak = process.memory_info().rss
    assert batch_body.count() == 500
    for request in _iterate(batch_body):
        assert request["image_base64"] == photo
        peak = max(peak, process.memory_info().rss)
    batch_body.close()
    assert peak - before < 40_000_000


def _iterate(batch_body: BatchBody) -> Iterator[dict[str, Any]]:
    for request in batch_body.requests:
        assert isinstance(request, dict)
        yield request


def test_the_error_for_another_media_type_lists_the_supported_ones(as_alice: ApiClient) -> None:
    def refused(path: str) -> tuple[int, str]:
        response = as_alice.client.post(path, b"{}", content_type="text/plain", headers=as_alice.headers)
        return response.status_code, response.json()["error"]["message"]

    only_json = "Unsupported Content-Type. Use application/json."
    assert refused("/v1/webhooks") == (415, only_json)
    assert refused("/v1/batches") == (
        415,
        only_json.replace(
            "application/json",
            "application/json or multipart/form-data or application/jsonl or application/x-ndjson",
        ),
    )


@pytest.mark.parametrize(
    ("encode", "cause"),
    [
        (lambda lines: lines.decode().encode("utf-16"), "UTF-16"),
        (lambda lines: lines.decode().encode("utf-16-be"), "UTF-16"),
        (lambda lines: lines.decode().encode("utf-32"), "UTF-16"),
        (lambda lines: lines.replace(b"\n", b"\r"), "CR"),
        (lambda lines: b"[" + lines.strip().replace(b"\n", b",\n") + b"]", "JSON array"),
        (lambda lines: b"\xef\xbb\xbf \n [\n" + lines, "JSON array"),
    ],
    ids=["UTF-16", "UTF-16 without BOM", "UTF-32", "CR", "array", "array on several lines"],
)
def test_a_file_that_is_no_json_lines_is_refused(
    encode: Callable[[bytes], bytes], cause: str, as_alice: ApiClient
) -> None:
    body = encode(json_lines(video_request(number) for number in (1, 2)))
    as_form = send_form(as_alice, body)
    headers = {**as_alice.headers, "Content-Type": "application/jsonl"}
    as_file = as_alice.client.generic("POST", "/v1/batches", body, headers=headers)
    for response in (as_form, as_file):
        assert response.status_code == 400
        assert cause in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("filler", "error"),
    [(b"\r" * 500_000, "not valid JSON"), (b" \n" * 500_000, "blank lines"), (b"\r\n" * 500_000, "blank lines")],
    ids=["CR", "blank", "CRLF"],
)
def test_fillers_take_little_time(filler: bytes, error: str, as_alice: ApiClient) -> None:
    started = time.process_time()
    response = send_form(as_alice, request_line({}) + filler + b"x")
    assert time.process_time() - started < 2
    assert response.status_code in {202, 400}
    assert error in response.content.decode()


def test_an_array_that_is_larger_than_a_line_may_be_is_refused(as_alice: ApiClient, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = send_form(as_alice, b"[" + b",".join([request_line({}).strip()] * 100) + b"]")
    assert "JSON array" in response.json()["error"]["message"]


def test_names_of_images_are_the_same_in_both_forms_of_unicode(as_alice: ApiClient) -> None:
    composed, decomposed = "caf\u00e9.png", "cafe\u0301.png"
    for sent, name in ((composed, decomposed), (decomposed, composed)):
        line = json_lines([video_request(image_name=name)])
        images: dict[str, Any] = {sent: io.BytesIO(png())}
        (item,) = send_form(as_alice, line, **images).json()["items"]
        assert item["error"] is None
    images = {composed: io.BytesIO(png()), decomposed: io.BytesIO(png())}
    assert send_form(as_alice, line, **images).json()["error"]["message"] == (
        "images: Two images have the same name. Give each its own."
    )
