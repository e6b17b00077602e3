"""The people of these tests and their rows. Only the owner's team may see the marker, which is in all of its texts."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from accounts.keys.services import create_api_key
from accounts.models import ApiKey, Invitation, Membership, Team
from accounts.roles import Role
from accounts.teams.services import ensure_personal_team, provision_team
from common.clock import DatabaseNow
from jobs.batches.models import Batch, BatchItem
from jobs.compat.uploads import StoredUpload, UploadStore
from jobs.galleries.models import Collection, CollectionItem, Publication, ShareLink
from jobs.models import Job
from jobs.states import State
from jobs.webhooks.models import Delivery, Endpoint
from tests.support.images import png
from tests.support.people import Person, make_user, sign_in
from tests.support.videos import store_job

MARKER = "zanzibar"  # in every text of the owner's team


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
    secrets: list[str] = field(default_factory=list)  # texts that the other team must never see


def person(name: str, *, team: Team | None = None, role: Role = Role.OWNER) -> Person:
    user = make_user(f"{name}@example.com", name)
    ensure_personal_team(user=user)
    if team is None:
        team = provision_team(name=f"team of {name}", owner=user)
    else:
        Membership.objects.create(team=team, user=user, role=role)
    return sign_in(user, team)


def make_world() -> World:
    owner = person(f"owner-{MARKER}")
    admin = person(f"admin-{MARKER}", team=owner.team, role=Role.ADMIN)
    member = person(f"member-{MARKER}", team=owner.team, role=Role.MEMBER)
    viewer = person(f"viewer-{MARKER}", team=owner.team, role=Role.VIEWER)
    mallory = person("mallory")
    key, _ = create_api_key(team=owner.team, creator=owner.user, name=f"key {MARKER}")
    last_image_key = f"teams/{owner.team.pk}/last.png"
    done = make_job(owner, State.COMPLETED, last_image_key=last_image_key)
    queued = make_job(member, State.QUEUED)
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
    upload = UploadStore(owner.team, "").put(png(), name=f"{MARKER}.png", content_type="image/png", metadata={})
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


def make_job(someone: Person, state: State, prompt: str = f"a {MARKER} at dusk", **columns: Any) -> Job:
    columns |= {"prompt": prompt, "metadata": {"note": prompt}}
    if state == State.COMPLETED:
        columns["started_at"] = DatabaseNow()
    return store_job(someone.team, someone.user, state, f"video of {MARKER}".encode(), **columns)
