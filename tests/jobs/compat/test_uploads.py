"""Uploads of a team: their limits, interrupted uploads, and their expiry."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client

from common.ids import public_id
from jobs.compat import uploads
from jobs.models import Job
from tests.support.images import CAT
from tests.support.people import Person

pytestmark = pytest.mark.django_db(transaction=True)


def _upload(client: Client, headers: dict[str, str]) -> Any:
    return client.post("/replicate/v1/files", {"content": BytesIO(b"picture")}, headers=headers)


def test_an_interrupted_upload_is_not_listed(client: Client, alice: Person) -> None:
    headers = alice.headers
    whole, half = (_upload(client, headers).json()["id"] for _ in range(2))
    folder = f"teams/{alice.team.pk}/uploads/{half.removeprefix('file_').replace('-', '')}-7"
    default_storage.delete(f"{folder}/about.json")
    response = client.get("/replicate/v1/files", headers=headers)
    assert response.status_code == 200, response.content
    assert [file["id"] for file in response.json()["results"]] == [whole]


def test_the_number_of_files_is_limited(client: Client, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_FILES_PER_TEAM", 2)
    headers = alice.headers
    assert [_upload(client, headers).status_code for _ in range(3)] == [201, 201, 429]


@pytest.mark.parametrize("bound", ["bytes", "files"])
def test_concurrent_uploads_cannot_exceed_the_limits(
    bound: str, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        uploads, "MAX_BYTES_PER_TEAM" if bound == "bytes" else "MAX_FILES_PER_TEAM", 20 if bound == "bytes" else 2
    )
    headers = alice.headers
    list_uploads, begin = uploads.UploadStore.list_uploads, Barrier(6)

    def slowly(store: uploads.UploadStore) -> list[uploads.StoredUpload]:
        found = list_uploads(store)
        time.sleep(0.1)
        return found

    monkeypatch.setattr(uploads.UploadStore, "list_uploads", slowly)

    def upload(_: int) -> int:
        begin.wait(30)
        try:
            return int(_upload(Client(), headers).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        assert Counter(threads.map(upload, range(6))) == {201: 2, 429: 4}
    assert len(uploads.UploadStore(alice.team, "").list_uploads()) == 2


def test_an_interrupted_upload_takes_no_space(client: Client, alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    headers = alice.headers
    save = default_storage.save

    def break_off(name: str, content: Any, **kwargs: Any) -> Any:
        if name.endswith("/content"):
            raise OSError(28, "No space left on device")
        return save(name, content, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "save", break_off)
        assert _upload(client, headers).status_code == 503
    assert uploads.UploadStore(alice.team, "").list_uploads() == []
    assert _upload(client, headers).status_code == 201


REPLICATE, FAL = "/replicate/v1/predictions", "/fal/queue/mutoscope/camera"


def _submit(client: Client, path: str, url: str, headers: dict[str, str]) -> Any:
    inputs = {"prompt": "pan", "num_frames": 8, "resolution": "256p"}
    sent: dict[str, Any] = {"version": "mutoscope/camera", "input": {"image": url, **inputs}}
    if path == FAL:
        sent = {"image_url": url, **inputs}
    return client.post(path, sent, content_type="application/json", headers=headers)


@pytest.mark.parametrize("path", [REPLICATE, FAL])
def test_after_an_hour_a_replay_succeeds_and_a_new_request_must_upload_again(
    path: str, client: Client, alice: Person
) -> None:
    headers = alice.headers
    upload = {"content": BytesIO(CAT.read_bytes())}
    url = client.post("/replicate/v1/files", upload, headers=headers).json()["urls"]["get"]
    with_key = {**headers, "Idempotency-Key": "order-17"}
    first = _submit(client, path, url, with_key)
    assert first.status_code in {200, 201}, first.content
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61)):
        for swept in (False, True):
            assert uploads.sweep_uploads() >= 1 if swept else True
            again = _submit(client, path, url, with_key)
            name = "id" if path == REPLICATE else "request_id"
            assert (again.status_code, again.json()[name]) == (first.status_code, first.json()[name])
            refused = _submit(client, path, url, headers)
            assert refused.status_code == 410, refused.content
            assert "Upload the image again." in str(refused.json())
    other = _submit(client, path, url + "0", with_key)
    assert other.status_code in {400, 409}
    assert Job.objects.count() == 1


@pytest.mark.parametrize("milliseconds", [0, 2**48 - 1])
def test_urls_with_made_up_ids(milliseconds: int, client: Client, alice: Person) -> None:
    url = f"http://testserver/replicate/v1/files/{public_id('file', UUID(int=milliseconds << 80))}"
    refused = _submit(client, REPLICATE, url, alice.headers)
    assert refused.status_code == (404 if milliseconds else 410)
    assert "Upload the image again." in str(refused.json())


def test_an_idempotency_key_with_a_deeply_nested_body(client: Client, alice: Person) -> None:
    headers = {"Authorization": f"Bearer {alice.key}", "Idempotency-Key": "deep"}
    for depth in range(600, 1000):
        sent = f'{{"prompt": {"[" * depth}{"]" * depth}, "image": "x"}}'
        response = client.post(FAL, sent, content_type="application/json", headers=headers)
        assert response.status_code in {400, 422}, (depth, response.content)
