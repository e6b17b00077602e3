"""Three people: Alice owns the team, Bob may only look, Charlie is in another team. And their pictures."""

import base64
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from PIL import Image

from accounts.keys.services import create_api_key
from accounts.models import Membership, Team, User
from accounts.quota.models import Wallet
from accounts.roles import Role, Scope
from accounts.teams.services import ensure_personal_team
from jobs.models import Job
from jobs.queue.claim import claim_job
from jobs.queue.finish import AttemptResult, complete_job
from jobs.queue.wakeup import redis_client
from jobs.storage.files import attempt_key

SAMPLES = Path(settings.ROOT) / "samples"
FILM = bytes(range(256)) * 8


@dataclass(frozen=True)
class Person:
    user: User
    team: Team
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def wallet(self) -> Wallet:
        return Wallet.objects.get(team=self.team)


class Api:
    """A person's client: JSON in, answers out."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers
        self.client = Client(raise_request_exception=False)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.client.post(path, body, content_type="application/json", headers={**self.headers, **headers})

    def get(self, path: str, **headers: str) -> Any:
        return self.client.get(path, headers={**self.headers, **headers})

    def delete(self, path: str) -> Any:
        return self.client.delete(path, headers=self.headers)


def _person(email: str) -> Person:
    user = User.objects.create_user(email, "a long password")
    team = ensure_personal_team(user=user)
    return Person(user, team, create_api_key(team=team, creator=user, name="test")[1])


@pytest.fixture(autouse=True)
def fresh_redis() -> None:
    """Doorbells and rate limits of an earlier test are not this one's."""
    redis_client().flushdb()


@pytest.fixture
def alice(db: None) -> Person:
    return _person("alice@example.com")


@pytest.fixture
def bob(alice: Person) -> Person:
    user = User.objects.create_user("bob@example.com", "a long password")
    Membership.objects.create(team=alice.team, user=user, role=Role.VIEWER)
    return Person(user, alice.team, create_api_key(team=alice.team, creator=user, name="test")[1])


@pytest.fixture
def charlie(db: None) -> Person:
    return _person("charlie@example.com")


@pytest.fixture
def as_alice(alice: Person) -> Api:
    return Api(alice.headers)


@pytest.fixture
def as_bob(bob: Person) -> Api:
    return Api(bob.headers)


@pytest.fixture
def as_charlie(charlie: Person) -> Api:
    return Api(charlie.headers)


@pytest.fixture
def as_nobody(db: None) -> Api:
    return Api({})


def png(width: int = 96, height: int = 64, colour: str = "teal") -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def body() -> Callable[..., dict[str, Any]]:
    """A small valid body, with changes."""

    def make(**changes: Any) -> dict[str, Any]:
        base = {
            "image_base64": base64.b64encode(png()).decode(),
            "prompt": "the camera pans left",
            "resolution": "256p",
            "num_frames": 8,
        }
        return {name: value for name, value in {**base, **changes}.items() if value is not ...}

    return make


@pytest.fixture
def submit(as_alice: Api, body: Callable[..., dict[str, Any]]) -> Callable[..., Job]:
    """A job of Alice's, submitted through the API."""

    def make(**changes: Any) -> Job:
        answer = as_alice.post("/v1/videos", body(**changes))
        assert answer.status_code == 202, answer.content
        return Job.objects.get(pk=answer.json()["id"].removeprefix("vid_"))

    return make


@pytest.fixture
def limited_key(alice: Person) -> Callable[[Scope], Api]:
    """A client whose key has one scope alone."""

    def make(scope: Scope) -> Api:
        _, key = create_api_key(team=alice.team, creator=alice.user, name="limited", scopes=[scope])
        return Api({"X-API-Key": key})

    return make


@pytest.fixture
def finished_of(submit: Callable[..., Job]) -> Callable[..., Job]:
    """A completed video of Alice's, whose film has 2,048 known bytes; both it and fields of the body may be changed."""

    def make(film: bytes = FILM, **changes: Any) -> Job:
        submit(**changes)
        return finish_next(film)

    return make


def finish_next(film: bytes = FILM) -> Job:
    """The next job in the queue, whosever it is, completed with that film."""
    job = claim_job(pool="cpu", worker_id=uuid.uuid4(), models=["camera"], vram_mb=0)
    assert job is not None
    keys = [
        default_storage.save(attempt_key(job.team_id, job.id, job.attempt, name), ContentFile(content))
        for name, content in ((f"video.{job.output_format}", film), ("poster.jpg", b"poster"))
    ]
    result = AttemptResult(result_key=keys[0], poster_key=keys[1], result_bytes=len(film), gpu_seconds=1)
    assert complete_job(fence=job.fence, result=result)
    job.refresh_from_db()
    return job


@pytest.fixture
def finished(finished_of: Callable[..., Job]) -> Job:
    return finished_of()
