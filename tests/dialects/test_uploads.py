"""What a team has uploaded: bounded in number, and not spoilt by an upload that died half way."""

from io import BytesIO

from django.core.files.storage import default_storage
from django.test import Client

from jobs.dialects import uploads


def _upload(client: Client, headers: dict[str, str]):
    return client.post("/replicate/v1/files", {"content": BytesIO(b"picture")}, headers=headers)


def test_half_an_upload_spoils_no_list(client, alice):
    headers = {"Authorization": f"Bearer {alice.key}"}
    whole, half = (_upload(client, headers).json()["id"] for _ in range(2))
    folder = f"teams/{alice.team.pk}/uploads/{half.removeprefix('file_').replace('-', '')}-7"
    default_storage.delete(f"{folder}/about.json")
    answer = client.get("/replicate/v1/files", headers=headers)
    assert answer.status_code == 200, answer.content
    assert [file["id"] for file in answer.json()["results"]] == [whole]


def test_small_files_are_counted(client, alice, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_FILES", 2)
    headers = {"Authorization": f"Bearer {alice.key}"}
    assert [_upload(client, headers).status_code for _ in range(3)] == [201, 201, 429]
