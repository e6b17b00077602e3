"""Errors describe what to change, and no field is silently ignored."""

import base64
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from jobs.models import Job
from tests.support.images import png

FIELDS = {"prompt": "zooms in", "resolution": "256p", "num_frames": "8"}


@pytest.fixture
def send_form(alice: Any) -> Any:
    client = Client(raise_request_exception=False)
    return lambda **fields: client.post("/v1/videos", {**FIELDS, "image": photo(), **fields}, headers=alice.headers)


def photo(data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile("cat.png", png() if data is None else data, "image/png")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "quick"}, "preset: camera has no preset 'quick'. Choose one of: fast, standard, high, batch."),
        ({"resolution": "4096p"}, "resolution: Unknown resolution. Choose one of: 256p, 512p, 768p, 1024p."),
        ({"resolution": "x" * 1000}, "resolution: Ensure this field has no more than 12 characters."),
        (
            {"image": "cat.png", "image_base64": ...},
            "image: Send the image as a file in multipart/form-data, or as image_base64 in JSON.",
        ),
        ({"input_reference": "cat.png", "image_base64": ...}, "input_reference: Send the image as a file"),
        ({"image_base64": "data:image/svg+xml,<svg/>"}, "image_base64: This data URI is not base64."),
        ({"metadata": "album"}, "metadata: Must be an object of strings. In a form"),
        ({"fps": "1_0"}, "fps: A valid integer is required."),
        ({"guidance_scale": "1_0"}, "guidance_scale: A valid number is required."),
        ({"guidance_scale": "٩"}, "guidance_scale: A valid number is required."),
    ],
)
def test_messages_of_fields(changes: dict[str, Any], message: str, as_alice: Any, body: Any) -> None:
    response = as_alice.post("/v1/videos", body(**changes))
    assert response.status_code == 422
    assert response.json()["error"]["message"].startswith(message)


@pytest.mark.parametrize("kind", ["image/jpeg", "image/png;charset=utf-8", "application/octet-stream", ""])
def test_the_media_type_of_a_data_uri_is_ignored(kind: str, as_alice: Any, body: Any) -> None:
    uri = f"data:{kind};base64,{base64.b64encode(png()).decode()}"
    assert as_alice.post("/v1/videos", body(image_base64=uri)).status_code == 202


@pytest.mark.parametrize("doubled", [{"prompt": ["pans", "zooms"]}, {"image": [photo(), photo()]}])
def test_repeated_fields_are_rejected(doubled: dict[str, Any], send_form: Any) -> None:
    response = send_form(**doubled)
    (name,) = doubled
    assert (response.status_code, response.json()["error"]["param"]) == (422, name)
    assert not Job.objects.exists()


def test_an_empty_file(send_form: Any) -> None:
    message = send_form(image=photo(b"")).json()["error"]["message"]
    assert message == "image: The file is empty. Send a PNG, JPEG, WebP, HEIC or AVIF image."


def test_metadata_in_a_form(send_form: Any) -> None:
    response = send_form(**{"metadata[album]": "summer", "metadata[order]": "7"})
    assert (response.status_code, response.json()["metadata"]) == (202, {"album": "summer", "order": "7"})


def test_a_form_with_too_many_parts(send_form: Any) -> None:
    fields = send_form(**{f"x{number}": "1" for number in range(120)})
    files = send_form(**{f"x{number}": photo() for number in range(30)})
    assert [response.status_code for response in (fields, files)] == [400, 400]
    assert "more than 100 fields" in fields.json()["error"]["message"]
    assert "more than 21 files" in files.json()["error"]["message"]


@pytest.mark.parametrize("seconds", ["0", "-1", "1_0", "604801", "9" * 5000, "soon"])
def test_an_invalid_deadline_is_reported_with_its_header(seconds: str, as_alice: Any, body: Any) -> None:
    error = as_alice.post("/v1/videos", body(), **{"Cancel-After": seconds}).json()["error"]
    assert error["param"] == "Cancel-After"
    assert "from 1 to 604800" in error["message"]


def test_a_long_id_is_not_returned(as_alice: Any) -> None:
    response = as_alice.get(f"/v1/videos/{'x' * 3000}")
    assert response.status_code == 404
    assert len(response.content) < 1000
