"""Lines that are anything, and files that are large: an answer for each, in bounded memory."""

import base64
import json
import os
from collections.abc import Iterator

import psutil
import pytest
from django.core.files.uploadedfile import TemporaryUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.batches.bodies import BatchBody, JsonLinesRequests
from tests.support.batches import form, lines, wanted
from tests.support.images import png

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = ["custom_id", "image_name", "source_video", "image_base64", "prompt", "fps", "cancel_after", "metadata", "seed"]
LINE = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(NAMES), JSON).map(lambda changes: json.dumps(wanted(**changes)).encode()),
)


@pytest.mark.django_db
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(sent=st.lists(LINE, min_size=1, max_size=6))
def test_whatever_stands_in_a_line_is_answered(as_alice, sent):
    answer = form(as_alice, lines(sent))
    assert answer.status_code in {202, 422}, answer.content
    if answer.status_code == 202:
        shown = answer.json()
        assert len(shown["items"]) == shown["counts"]["total"]
        assert all((item["error"] is None) != (item["video"] is None) for item in shown["items"])


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_lines_are_those_that_an_editor_shows(mark, as_alice, settings):
    """With a byte order mark, Windows' ends of lines, blank lines, a line too large and none at the end."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    first, last = (json.dumps(wanted(number)).encode() for number in (1, 2))
    large = json.dumps(wanted(3, prompt="x" * 10_000)).encode()
    sent = b"\r\n".join([b"", first, b"  ", b'{"prompt": ', large, b"", last])
    shown = form(as_alice, mark + sent).json()
    assert [item["error"] and item["error"]["message"] for item in shown["items"]] == [
        None,
        "The line is not valid JSON: Expecting value: line 1 column 11 (char 10)",
        "The line is larger than 0 MB. Send a smaller image.",
        None,
    ]
    assert form(as_alice, mark + b"\r\n").json()["error"]["code"] == "wrong_number_of_requests"


@pytest.mark.parametrize("line", [{"a\0": 1}, {"\ud800": 1}, {"metadata": {"\0": "x"}}, {"prompt": "\0"}])
def test_what_no_database_holds_is_complained_of_all_the_same(line, as_alice):
    (item,) = form(as_alice, lines([line])).json()["items"]
    assert (item["status"], item["error"]["code"]) == ("refused", "invalid_field")


@pytest.mark.parametrize("on_error", ["continue", "fail_fast"])
@pytest.mark.parametrize("name", ["a\0", "\ud800", "", "x" * 101])
def test_names_of_pictures_are_text(name, on_error, as_alice):
    body = {"images": {name: ""}, "requests": [wanted()], "on_error": on_error}
    answer = as_alice.post("/v1/batches", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "images"), answer.content


def test_two_hundred_megabytes_are_read_line_by_line():
    photo = base64.b64encode(png() + b"x" * 300_000).decode()
    file = TemporaryUploadedFile("requests.jsonl", "application/jsonl", 0, None)
    for number in range(500):
        file.write(lines([wanted(number, image_name=..., image_base64=photo)]))
    assert file.tell() > 200_000_000
    batch_body = BatchBody({}, JsonLinesRequests(file))
    process = psutil.Process(os.getpid())
    before = peak = process.memory_info().rss
    assert batch_body.count() == 500
    for request in _watched(batch_body):
        assert request["image_base64"] == photo
        peak = max(peak, process.memory_info().rss)
    batch_body.close()
    assert peak - before < 40_000_000


def _watched(batch_body: BatchBody) -> Iterator[dict]:
    for request in batch_body.requests:
        assert isinstance(request, dict)
        yield request


def test_another_form_is_refused_with_those_that_are_taken(as_alice):
    def refused(path: str) -> tuple[int, str]:
        answer = as_alice.client.post(path, b"{}", content_type="text/plain", headers=as_alice.headers)
        return answer.status_code, answer.json()["error"]["message"]

    json_alone = "Unsupported Content-Type. Use application/json."
    assert refused("/v1/webhooks") == (415, json_alone)
    assert refused("/v1/batches") == (
        415,
        json_alone.replace(
            "application/json",
            "application/json or multipart/form-data or application/jsonl or application/x-ndjson",
        ),
    )
