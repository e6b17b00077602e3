"""Mia, who may publish what she makes and no more; and finished videos without a worker."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts.keys.services import create_api_key
from accounts.models import Membership, User
from accounts.roles import Role
from common.clock import DatabaseNow
from jobs.galleries.models import Publication
from jobs.models import Job
from jobs.states import State
from jobs.storage.files import attempt_key
from tests.jobs.conftest import Api, Person, png

FILM = bytes(range(256)) * 8


class GalleryApi(Api):
    """With the two methods that the gallery has besides."""

    def patch(self, path: str, body: Any) -> Any:
        return self.client.patch(path, body, content_type="application/json", headers=self.headers)

    def put(self, path: str) -> Any:
        return self.client.put(path, headers=self.headers)


@pytest.fixture(autouse=True)
def _own_media(tmp_path: Path, settings: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        },
    }


@pytest.fixture
def mia(alice: Person) -> Person:
    user = User.objects.create_user("mia@example.com", "a long password")
    Membership.objects.create(team=alice.team, user=user, role=Role.MEMBER)
    return Person(user, alice.team, create_api_key(team=alice.team, creator=user, name="test")[1])


@pytest.fixture
def as_alice(alice: Person) -> GalleryApi:
    return GalleryApi(alice.headers)


@pytest.fixture
def as_mia(mia: Person) -> GalleryApi:
    return GalleryApi(mia.headers)


@pytest.fixture
def as_bob(bob: Person) -> GalleryApi:
    return GalleryApi(bob.headers)


@pytest.fixture
def as_charlie(charlie: Person) -> GalleryApi:
    return GalleryApi(charlie.headers)


@pytest.fixture
def as_nobody(db: None) -> GalleryApi:
    return GalleryApi({})


def finished_video(person: Person, **columns: Any) -> Job:
    """A completed video with 2,048 known bytes and a poster."""
    values = {
        "prompt": "slowly zooms in",
        "model": "camera",
        "output_format": "mp4",
        "width": 584,
        "height": 440,
        **columns,
    }
    job = Job(
        team=person.team,
        user=person.user,
        preset="standard",
        resolution="512p",
        num_frames=16,
        fps=8,
        steps=50,
        guidance_scale=9.0,
        seed=7,
        pool="cpu",
        quoted_credits=3,
        charged_credits=2,
        state=State.COMPLETED,
        finished_at=DatabaseNow(),
        **values,
    )
    job.result_key = attempt_key(person.team.pk, job.pk, 1, f"video.{job.output_format}")
    job.poster_key = attempt_key(person.team.pk, job.pk, 1, "poster.jpg")
    default_storage.save(job.result_key, ContentFile(FILM))
    default_storage.save(job.poster_key, ContentFile(png()))
    job.save(force_insert=True)
    job.refresh_from_db()
    return job


def publish(api: GalleryApi, job: Job, **words: Any) -> dict[str, Any]:
    """The body of a fresh publication."""
    answer = api.post("/v1/gallery", {"video": job.public_id, **words})
    assert answer.status_code == 201, answer.content
    body: dict[str, Any] = answer.json()
    return body


def row(body: dict[str, Any]) -> Publication:
    return Publication.objects.get(pk=body["id"].removeprefix("pub_"))
