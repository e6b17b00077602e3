"""Four people at their browsers: Alice owns the team, Mia makes videos in it, Bob may only look, Charlie is outside."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from accounts.models import Membership, Team, User
from accounts.quota.services import grant, reserve
from accounts.roles import Role
from accounts.teams.services import ensure_personal_team
from common.clock import DatabaseNow
from jobs.models import Job
from jobs.queue.wakeup import redis_client
from jobs.states import State
from jobs.storage.files import attempt_key, source_key
from tests.support.browser import Browser

SAMPLES = Path(settings.ROOT) / "samples"
PASSWORD = "reel-of-cards-1894"
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True)
class Person:
    user: User
    team: Team
    client: Client

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers=headers)

    def post(self, path: str, data: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.post(path, data or {}, headers=headers)

    def htmx(self, path: str, data: dict[str, Any] | None = None) -> Any:
        """As htmx asks: POST with data, else GET."""
        headers = {"HX-Request": "true"}
        return self.client.get(path, headers=headers) if data is None else self.client.post(path, data, headers=headers)


def make_user(email: str) -> User:
    user = User.objects.create_user(email, PASSWORD)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def sign_in(user: User, team: Team) -> Person:
    client = Client(raise_request_exception=False)
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    session = client.session
    session["team"] = team.pk
    session.save()
    return Person(user, team, client)


@pytest.fixture(autouse=True)
def _fresh_redis(db: None) -> None:
    """Doorbells and rate limits of an earlier test are not this one's."""
    redis_client().flushdb()
    cache.clear()


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
def alice(db: None) -> Person:
    user = make_user("alice@example.com")
    return sign_in(user, ensure_personal_team(user=user))


@pytest.fixture
def mia(alice: Person) -> Person:
    user = make_user("mia@example.com")
    Membership.objects.create(team=alice.team, user=user, role=Role.MEMBER)
    return sign_in(user, alice.team)


@pytest.fixture
def bob(alice: Person) -> Person:
    user = make_user("bob@example.com")
    Membership.objects.create(team=alice.team, user=user, role=Role.VIEWER)
    return sign_in(user, alice.team)


@pytest.fixture
def charlie(db: None) -> Person:
    user = make_user("charlie@example.com")
    return sign_in(user, ensure_personal_team(user=user))


@pytest.fixture
def anonymous(db: None) -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def member(transactional_db: None, request: pytest.FixtureRequest) -> Person:
    """Alice, in a database that the server's threads see too."""
    person: Person = request.getfixturevalue("alice")
    return person


def cookie(person: Person) -> str:
    return person.client.cookies["sessionid"].value


def picture(size: tuple[int, int] = (96, 64), name: str = "still.png", kind: str = "PNG") -> SimpleUploadedFile:
    """A picture as a browser uploads it."""
    buffer = BytesIO()
    Image.new("RGB", size, (180, 90, 20)).save(buffer, kind)
    return SimpleUploadedFile(name, buffer.getvalue(), content_type=f"image/{kind.lower()}")


@pytest.fixture
def make_job() -> Callable[..., Job]:
    """A job in any state, with its files, without a worker."""

    def make(person: Person, state: State = State.QUEUED, **columns: Any) -> Job:
        job = Job(
            team=person.team,
            user=person.user,
            model="camera",
            prompt="slowly zooms in",
            preset="standard",
            resolution="512p",
            width=584,
            height=440,
            num_frames=16,
            fps=8,
            steps=50,
            guidance_scale=9.0,
            seed=7,
            output_format="mp4",
            pool="cpu",
            quoted_credits=3,
            state=state,
        )
        job.source_key = source_key(person.team.pk, job.pk)
        for name, value in columns.items():
            setattr(job, name, value)
        default_storage.save(job.source_key, ContentFile(picture().read()))
        if state == State.IN_PROGRESS:
            job.lease_owner, job.lease_until, job.attempt = job.pk, DatabaseNow(), 1
        if job.is_finished:
            job.finished_at = DatabaseNow()
        if state == State.COMPLETED:
            job.result_key = attempt_key(person.team.pk, job.pk, 1, f"video.{job.output_format}")
            job.poster_key = attempt_key(person.team.pk, job.pk, 1, "poster.jpg")
            job.charged_credits, job.gpu_seconds, job.result_bytes = 2, 1.5, 4
            default_storage.save(job.result_key, ContentFile(b"film"))
            default_storage.save(job.poster_key, ContentFile(picture(kind="JPEG").read()))
        else:
            grant(team=person.team, credits=job.quoted_credits, reason="for the test")
            if not job.is_finished:
                reserve(usage_key=job.usage_key, job_id=job.pk, credits=job.quoted_credits)
        job.save(force_insert=True)
        job.refresh_from_db()
        return job

    return make


def chromium() -> str:
    """The browser. Without one these tests fail: a page that nobody looked at is not tested."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found or not Path(found).exists():
        pytest.fail("These tests need Chromium: apt-get install chromium, or set CHROMIUM to its path.")
    return found


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A fresh browser, at whose console nothing may complain: no error, no warning, no violation of the CSP."""
    with Browser(chromium()) as found:
        yield found
    assert found.complaints == []
