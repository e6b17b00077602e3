"""What a team has uploaded: bounded in number, and not spoilt by an upload that died half way."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from threading import Barrier
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

pytestmark = pytest.mark.django_db(transaction=True)


def _upload(client: Client, headers: dict[str, str]):
    return client.post("/replicate/v1/files", {"content": BytesIO(b"picture")}, headers=headers)


def test_half_an_upload_spoils_no_list(client, alice):
    headers = alice.headers
    whole, half = (_upload(client, headers).json()["id"] for _ in range(2))
    folder = f"teams/{alice.team.pk}/uploads/{half.removeprefix('file_').replace('-', '')}-7"
    default_storage.delete(f"{folder}/about.json")
    answer = client.get("/replicate/v1/files", headers=headers)
    assert answer.status_code == 200, answer.content
    assert [file["id"] for file in answer.json()["results"]] == [whole]


def test_small_files_are_counted(client, alice, monkeypatch):
    monkeypatch.setattr(uploads, "MAX_FILES_PER_TEAM", 2)
    headers = alice.headers
    assert [_upload(client, headers).status_code for _ in range(3)] == [201, 201, 429]


@pytest.mark.parametrize("bound", ["bytes", "files"])
def test_the_bound_holds_for_uploads_that_come_at_once(bound, alice, monkeypatch):
    monkeypatch.setattr(
        uploads, "MAX_BYTES_PER_TEAM" if bound == "bytes" else "MAX_FILES_PER_TEAM", 20 if bound == "bytes" else 2
    )
    headers = alice.headers
    list_uploads, begin = uploads.UploadStore.list_uploads, Barrier(6)

    def slowly(store):
        found = list_uploads(store)
        time.sleep(0.1)
        return found

    monkeypatch.setattr(uploads.UploadStore, "list_uploads", slowly)

    def upload(_: int) -> int:
        begin.wait(30)
        try:
            return _upload(Client(), headers).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        assert Counter(threads.map(upload, range(6))) == {201: 2, 429: 4}
    assert len(uploads.UploadStore(alice.team, "").list_uploads()) == 2


def test_what_breaks_off_half_way_takes_no_room(client, alice, monkeypatch):
    headers = alice.headers
    save = default_storage.save

    def break_off(name, content, **kwargs):
        if name.endswith("/content"):
            raise OSError(28, "No space left on device")
        return save(name, content, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(default_storage, "save", break_off)
        assert _upload(client, headers).status_code == 503
    assert uploads.UploadStore(alice.team, "").list_uploads() == []
    assert _upload(client, headers).status_code == 201


REPLICATE, FAL = "/replicate/v1/predictions", "/fal/queue/mutoscope/camera"


def _order(client: Client, path: str, address: str, headers: dict[str, str]):
    wish = {"prompt": "pan", "num_frames": 8, "resolution": "256p"}
    sent = {"version": "mutoscope/camera", "input": {"image": address, **wish}}
    if path == FAL:
        sent = {"image_url": address, **wish}
    return client.post(path, sent, content_type="application/json", headers=headers)


@pytest.mark.parametrize("path", [REPLICATE, FAL])
def test_after_its_hour_an_order_is_known_and_a_new_one_is_told_to_upload_again(path, client, alice):
    headers = alice.headers
    upload = {"content": BytesIO(CAT.read_bytes())}
    address = client.post("/replicate/v1/files", upload, headers=headers).json()["urls"]["get"]
    with_key = {**headers, "Idempotency-Key": "order-17"}
    first = _order(client, path, address, with_key)
    assert first.status_code in {200, 201}, first.content
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61)):
        for swept in (False, True):
            assert uploads.sweep_uploads() >= 1 if swept else True
            again = _order(client, path, address, with_key)
            name = "id" if path == REPLICATE else "request_id"
            assert (again.status_code, again.json()[name]) == (first.status_code, first.json()[name])
            refused = _order(client, path, address, headers)
            assert refused.status_code == 410, refused.content
            assert "Upload the picture again." in str(refused.json())
    other = _order(client, path, address + "0", with_key)
    assert other.status_code in {400, 409}
    assert Job.objects.count() == 1


@pytest.mark.parametrize("milliseconds", [0, 2**48 - 1])
def test_addresses_that_strangers_wrote(milliseconds, client, alice):
    address = f"http://testserver/replicate/v1/files/{public_id('file', UUID(int=milliseconds << 80))}"
    refused = _order(client, REPLICATE, address, alice.headers)
    assert refused.status_code == (404 if milliseconds else 410)
    assert "Upload the picture again." in str(refused.json())


def test_a_key_with_what_is_nested_without_end(client, alice):
    headers = {"Authorization": f"Bearer {alice.key}", "Idempotency-Key": "deep"}
    for depth in range(600, 1000):
        sent = f'{{"prompt": {"[" * depth}{"]" * depth}, "image": "x"}}'
        answer = client.post(FAL, sent, content_type="application/json", headers=headers)
        assert answer.status_code in {400, 422}, (depth, answer.content)
