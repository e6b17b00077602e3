"""The bodies of requests with one image or two."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from mutoscope import api_requests
from mutoscope.batch_upload import BatchUpload, read_requests
from tests.support.images import png

URL = "https://example.com/cat.jpg"
BASE64 = base64.b64encode(png()).decode()


@pytest.mark.parametrize(
    ("image", "options", "body"),
    [
        (png(), {"fps": 8}, {"data": {"fps": 8, "prompt": "x"}, "files": {"image"}}),
        (png(), {"last_image": png()}, {"data": {"prompt": "x"}, "files": {"image", "last_image"}}),
        (png(), {"last_image": None}, {"data": {"prompt": "x"}, "files": {"image"}}),
        (URL, {"last_image": png()}, {"json": {"prompt": "x", "image_url": URL, "last_image_base64": BASE64}}),
        (png(), {"last_image": URL}, {"json": {"prompt": "x", "image_base64": BASE64, "last_image_url": URL}}),
    ],
)
def test_images_are_files_unless_one_is_a_url(image: Any, options: dict[str, Any], body: dict[str, Any]) -> None:
    spec = api_requests.quote(image, "x", options=options)
    sent = {"data": spec.data, "json": spec.json, "files": spec.files and {*spec.files}}
    assert {name: value for name, value in sent.items() if value} == body


def test_requests_of_a_batch_share_the_images_that_they_end_with(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png())
    lines = tmp_path / "jobs.jsonl"
    lines.write_text(json.dumps({"image": "a.png", "last_image": "b.png", "prompt": "x"}) + "\n")
    with BatchUpload(read_requests(lines), {}) as upload:
        spec = upload.spec("key")
        assert spec.files is not None
        assert {*spec.files} == {"requests", "image-0", "image-1"}
        sent = spec.files["requests"][1]
        sent.seek(0)
        assert json.loads(sent.read()) == {"image_name": "image-0", "last_image_name": "image-1", "prompt": "x"}
