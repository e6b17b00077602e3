"""Exports: their content, access to the file, retries and expiry."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings as site
from django.contrib.auth import get_user
from django.core import mail
from django.core.files.storage import default_storage
from django.test import AsyncClient

from accounts.keys.services import create_api_key
from accounts.models import Membership, User
from accounts.people.account_deletion import delete_account
from accounts.roles import Role
from common.clock import DatabaseNow
from jobs.exports import services
from jobs.exports.models import Export
from jobs.exports.services import build_due_exports, delete_expired_exports, request_export
from jobs.galleries.models import Publication
from jobs.models import Job
from jobs.states import State
from jobs.storage.files import last_image_key, load_file, store_file
from tests.support.people import PASSWORD, Person


def confirm(person: Person) -> None:
    assert person.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302


def build_exports() -> int:
    """Build the exports that are due; return the number of completed ones."""
    ready = Export.objects.filter(state=Export.State.READY)
    before = ready.count()
    while build_due_exports():
        pass
    return ready.count() - before


def export_of(person: Person) -> Export:
    request_export(user=person.user)
    assert build_exports() == 1
    return Export.objects.get(user=person.user, state=Export.State.READY, expires_at__gt=DatabaseNow())


def archive_of(person: Person) -> ZipFile:
    archive = ZipFile(BytesIO(load_file(export_of(person).file_key)))
    assert archive.testzip() is None
    return archive


def read(archive: ZipFile, name: str) -> Any:
    return json.loads(archive.read(name))


def test_the_export_contains_only_data_of_the_person(
    alice: Person, mia: Person, charlie: Person, make_job: Callable[..., Job]
) -> None:
    own, other = make_job(mia, State.COMPLETED, prompt="Mia's own"), make_job(alice, State.COMPLETED)
    deleted, queued = make_job(mia, State.COMPLETED, deleted_at=DatabaseNow()), make_job(mia)
    make_job(charlie, State.COMPLETED)
    Job.objects.filter(pk=queued.pk).update(last_image_key=store_file(last_image_key(queued), b"last"))
    _, secret = create_api_key(team=alice.team, creator=mia.user, name="Mia's script")
    create_api_key(team=alice.team, creator=alice.user, name="not Mia's")
    Publication.objects.create(
        team=alice.team, job=own, publisher=mia.user, caption="first", model="camera", search_text=""
    )

    archive = archive_of(mia)

    assert read(archive, "account.json")[0]["email"] == "mia@example.com"
    assert [(row["team"], row["role"]) for row in read(archive, "teams.json")] == [("alice", "member")]
    assert [row["id"] for row in read(archive, "videos.json")] == [own.public_id, queued.public_id]
    assert read(archive, "videos.json")[0]["prompt"] == "Mia's own"
    assert [row["name"] for row in read(archive, "api_keys.json")] == ["Mia's script"]
    assert [row["caption"] for row in read(archive, "gallery.json")] == ["first"]
    assert read(archive, "ledger.json") == []
    assert archive.read(f"videos/{own.public_id}.mp4") == b"video"
    assert {name for name in archive.namelist() if name.startswith("videos/")} == {
        f"videos/{own.public_id}.mp4",
        f"videos/{own.public_id}.picture.png",
        f"videos/{queued.public_id}.picture.png",
        f"videos/{queued.public_id}.last_picture.png",
    }
    everything = b"".join(archive.read(name) for name in archive.namelist() if name.endswith(".json")).decode()
    assert secret.rpartition("_")[2] not in everything
    assert "secret" not in everything
    for excluded in (other, deleted):
        assert excluded.public_id not in everything


def test_the_owner_gets_the_ledger_and_all_videos_of_the_personal_team(
    alice: Person, mia: Person, make_job: Callable[..., Job]
) -> None:
    job = make_job(mia, State.COMPLETED)
    archive = archive_of(alice)
    assert [row["kind"] for row in read(archive, "ledger.json")] == ["grant"]
    assert [row["id"] for row in read(archive, "videos.json")] == [job.public_id]


def test_videos_of_a_former_team_are_not_exported(alice: Person, mia: Person, make_job: Callable[..., Job]) -> None:
    make_job(mia, State.COMPLETED)
    Membership.objects.filter(user=mia.user).delete()
    assert read(archive_of(mia), "videos.json") == []


def test_request_email_and_download(charlie: Person, alice: Person, make_job: Callable[..., Job]) -> None:
    make_job(charlie, State.COMPLETED)
    User.objects.filter(pk=charlie.user.pk).update(language="zh-hans")
    response = charlie.post("/account/data/export")
    assert response["Location"].startswith("/accounts/reauthenticate/")
    assert not Export.objects.exists()
    confirm(charlie)
    response = charlie.client.post("/account/data/export", follow=True)
    assert "Your data is being collected." in response.content.decode()
    again = charlie.client.post("/account/data/export", follow=True)
    assert "already being collected" in again.content.decode()

    assert build_exports() == 1
    message = mail.outbox[-1]
    assert message.to == ["charlie@example.com"]
    assert "已备好" in message.subject
    assert "/account/data" in message.body
    export = Export.objects.get()
    path = f"/account/data/{export.pk}"
    assert path in charlie.get("/account/data").content.decode()
    download = charlie.get(path)
    assert download["Content-Length"] == str(export.size_bytes)
    assert ZipFile(BytesIO(b"".join(download.streaming_content))).testzip() is None

    confirm(alice)
    assert alice.get(path).status_code == alice.get(f"/account/data/{alice.user.pk:032x}").status_code == 404


def test_the_download_requires_reauthentication(charlie: Person) -> None:
    export = export_of(charlie)
    response = charlie.get(f"/account/data/{export.pk}")
    assert response["Location"].startswith("/accounts/reauthenticate/")


@pytest.mark.django_db(transaction=True)
def test_the_download_is_streamed_under_asgi(
    charlie: Person, make_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(charlie, State.COMPLETED)
    confirm(charlie)
    export = export_of(charlie)
    monkeypatch.setattr("jobs.storage.files.CHUNK_BYTES", 100)
    client = AsyncClient()
    client.cookies["sessionid"] = charlie.client.cookies["sessionid"].value

    async def fetch() -> list[bytes]:
        response: Any = await client.get(f"/account/data/{export.pk}")
        assert response.is_async
        return [chunk async for chunk in response.streaming_content]

    chunks = async_to_sync(fetch)()
    assert max(map(len, chunks)) == 100
    assert ZipFile(BytesIO(b"".join(chunks))).testzip() is None


def test_the_file_is_deleted_after_the_retention(charlie: Person) -> None:
    export = export_of(charlie)
    assert delete_expired_exports() == 0
    Export.objects.update(expires_at=DatabaseNow() - timedelta(seconds=1))
    confirm(charlie)
    assert charlie.get(f"/account/data/{export.pk}").status_code == 404
    assert delete_expired_exports() == 1
    assert not default_storage.exists(export.file_key)
    assert Export.objects.get().state == Export.State.GONE


def test_a_new_export_replaces_the_old_one(charlie: Person) -> None:
    old, new = export_of(charlie), export_of(charlie)
    delete_expired_exports()
    assert not default_storage.exists(old.file_key)
    assert default_storage.exists(new.file_key)


def test_another_worker_takes_over_and_a_late_one_overwrites_nothing(
    charlie: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_export(user=charlie.user)
    slow = services._claim(Export.objects.all())
    assert slow
    assert build_exports() == 0  # it holds the lease
    Export.objects.update(lease_until=DatabaseNow() - timedelta(seconds=1))
    assert build_exports() == 1
    ready = Export.objects.get()
    assert ready.attempt == 2
    assert not services._build(slow)
    assert Export.objects.get().file_key == ready.file_key
    assert default_storage.exists(ready.file_key)
    assert default_storage.listdir(ready.folder)[0] == ["2"]


def test_an_export_fails_after_three_attempts(charlie: Person, settings: Any, tmp_path: Any) -> None:
    (tmp_path / "full").write_text("no folder")
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "full")},
        },
    }
    request_export(user=charlie.user)
    for _ in range(services.MAX_ATTEMPTS):
        assert build_exports() == 0
        Export.objects.update(lease_until=DatabaseNow() - timedelta(seconds=1))
    build_exports()
    assert Export.objects.get().state == Export.State.FAILED
    assert "could not be collected" in charlie.get("/account/data").content.decode()
    assert list((site.VAR_DIR / "scratch").glob("export-*")) == []


def test_deleting_the_account_deletes_the_file(charlie: Person) -> None:
    export = export_of(charlie)
    request_export(user=charlie.user)
    delete_account(user=charlie.user)
    assert build_exports() == 0
    delete_expired_exports()
    assert not default_storage.exists(export.file_key)
    assert not get_user(charlie.client).is_authenticated


def test_a_viewer_can_export_too(bob: Person) -> None:
    assert Membership.objects.get(user=bob.user).role == Role.VIEWER
    assert read(archive_of(bob), "teams.json")[0]["role"] == "viewer"


def test_the_requested_export_is_built_before_older_ones(alice: Person, charlie: Person) -> None:
    older, requested = request_export(user=alice.user), request_export(user=charlie.user)
    assert services.build_export(requested.pk)
    assert not services.build_export(requested.pk)
    older.refresh_from_db()
    requested.refresh_from_db()
    assert (older.state, requested.state) == (Export.State.WAITING, Export.State.READY)


def test_an_export_that_another_worker_builds_is_left_to_it(charlie: Person) -> None:
    export = request_export(user=charlie.user)
    assert services._claim(Export.objects.all())
    assert not services.build_export(export.pk)
    assert not services.build_due_exports()
