"""The people of these tests and what they own; every text of Alice's team holds the marker that nobody else may see."""

from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO

from allauth.account.models import EmailAddress
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from PIL import Image

from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Invitation, Membership, Team, User
from accounts.quota.services import grant, reserve
from accounts.roles import Role, Scope
from accounts.teams.services import ensure_personal_team, provision_team
from common.clock import DatabaseNow
from jobs.batches.models import Batch, BatchItem
from jobs.compat.uploads import StoredUpload, UploadStore
from jobs.galleries.models import Collection, CollectionItem, Publication, ShareLink
from jobs.models import Job
from jobs.states import State
from jobs.storage.files import attempt_key, source_key
from jobs.webhooks.models import Delivery, Endpoint

PASSWORD = "reel-of-cards-1894"
MARKER = "zanzibar"  # in everything that is Alice's team's


@dataclass(frozen=True)
class Person:
    user: User
    team: Team

    def browser(self) -> Client:
        """Signed in, with the team chosen."""
        client = Client(raise_request_exception=False)
        client.force_login(self.user, backend="allauth.account.auth_backends.AuthenticationBackend")
        session = client.session
        session["team"] = self.team.pk
        session.save()
        return client

    def key(self, *scopes: Scope) -> dict[str, str]:
        """Headers with a key of this person's, by default of every scope."""
        _, clear = create_api_key(team=self.team, creator=self.user, name="test", scopes=scopes or tuple(Scope))
        return {"Authorization": f"Bearer {clear}"}


@dataclass(frozen=True)
class World:
    owner: Person
    admin: Person
    member: Person
    viewer: Person
    mallory: Person  # owns another team
    done: Job
    queued: Job
    key: ApiKey
    publication: Publication
    collection: Collection
    link: ShareLink
    hook: Endpoint
    delivery: Delivery
    invitation: Invitation
    upload: StoredUpload
    batch: Batch
    secrets: list[str] = field(default_factory=list)  # texts that the other team must never be shown


def person(name: str, *, team: Team | None = None, role: Role = Role.OWNER) -> Person:
    user = User.objects.create_user(f"{name}@example.com", PASSWORD, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    ensure_personal_team(user=user)
    if team is None:
        team = provision_team(name=f"team of {name}", owner=user)
    else:
        Membership.objects.create(team=team, user=user, role=role)
    return Person(user, team)


def make_world() -> World:
    owner = person(f"owner-{MARKER}")
    admin = person(f"admin-{MARKER}", team=owner.team, role=Role.ADMIN)
    member = person(f"member-{MARKER}", team=owner.team, role=Role.MEMBER)
    viewer = person(f"viewer-{MARKER}", team=owner.team, role=Role.VIEWER)
    mallory = person("mallory")
    key, _ = create_api_key(team=owner.team, creator=owner.user, name=f"key {MARKER}")
    done, queued = make_job(owner, State.COMPLETED), make_job(member, State.QUEUED)
    shown = make_gallery(owner, done)
    hook = Endpoint.objects.create(
        team=owner.team, url=f"https://example.com/{MARKER}", kinds=[], secret=f"whsec_{MARKER}"
    )
    delivery = Delivery.objects.create(
        team=owner.team,
        endpoint=hook,
        job=done,
        kind="video.completed",
        event_id=f"evt_{MARKER}",
        url=hook.url,
        body=MARKER,
        state=Delivery.State.FAILED,
        finished_at=timezone.now(),
    )
    invitation = Invitation.objects.create(
        team=owner.team,
        email=f"guest-{MARKER}@example.com",
        secret_sha256=bytes(32),
        inviter=owner.user,
        expires_at=timezone.now() + timedelta(days=1),
    )
    upload = UploadStore(owner.team, "").put(_picture(), name=f"{MARKER}.png", content_type="image/png", metadata={})
    batch = Batch.objects.create(team=owner.team, user=owner.user, name=f"batch of {MARKER}", total=1, fingerprint=b"")
    BatchItem.objects.create(team=owner.team, batch=batch, index=0, custom_id=MARKER, job=done)
    things = (done, queued, *shown, hook, delivery, upload, batch)
    secrets = [MARKER, key.prefix, *(thing.id.hex for thing in things)]
    people = (owner, admin, member, viewer, mallory)
    return World(*people, done, queued, key, *shown, hook, delivery, invitation, upload, batch, secrets)


def make_gallery(someone: Person, job: Job) -> tuple[Publication, Collection, ShareLink]:
    publication = Publication.objects.create(
        team=someone.team, job=job, publisher=someone.user, caption=MARKER, model=job.model, search_text=MARKER
    )
    collection = Collection.objects.create(team=someone.team, name=f"reels of {MARKER}")
    CollectionItem.objects.create(team=someone.team, collection=collection, publication=publication)
    link = ShareLink.objects.create(team=someone.team, job=job, creator=someone.user, token=f"token-{MARKER}")
    return publication, collection, link


def make_job(someone: Person, state: State, prompt: str = f"a {MARKER} at dusk") -> Job:
    job = Job(
        team=someone.team,
        user=someone.user,
        model="camera",
        prompt=prompt,
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
        metadata={"note": prompt},
    )
    job.source_key = source_key(someone.team.pk, job.pk)
    default_storage.save(job.source_key, ContentFile(_picture()))
    if state == State.COMPLETED:
        job.finished_at = job.started_at = DatabaseNow()
        job.result_key = attempt_key(someone.team.pk, job.pk, 1, "video.mp4")
        job.poster_key = attempt_key(someone.team.pk, job.pk, 1, "poster.jpg")
        job.charged_credits, job.gpu_seconds, job.result_bytes = 2, 1.5, 4
        default_storage.save(job.result_key, ContentFile(f"film of {MARKER}".encode()))
        default_storage.save(job.poster_key, ContentFile(_picture()))
    else:
        grant(team=someone.team, credits=job.quoted_credits, reason="for the test")
        reserve(usage_key=job.usage_key, job_id=job.pk, credits=job.quoted_credits)
    job.save(force_insert=True)
    job.refresh_from_db()
    return job


def _picture() -> bytes:
    buffer = BytesIO()
    Image.new("RGB", (96, 64), "teal").save(buffer, "PNG")
    return buffer.getvalue()
