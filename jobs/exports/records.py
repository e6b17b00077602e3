"""The data that is stored about a person, as records. Secrets and hashes are not included."""

from collections.abc import Iterable, Iterator
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db.models import Model, Q, QuerySet

from accounts.models import ApiKey, Membership, User
from accounts.quota.models import LedgerEntry
from jobs.galleries.models import Publication
from jobs.models import Job

Record = dict[str, Any]
_BATCH_SIZE = 500

# The exported columns of videos and API keys.
_VIDEO_FIELDS = [
    "model",
    "prompt",
    "negative_prompt",
    "preset",
    "resolution",
    "width",
    "height",
    "num_frames",
    "total_frames",
    "fps",
    "steps",
    "guidance_scale",
    "loras",
    "audio",
    "seed",
    "output_format",
    "has_audio",
    "metadata",
    "state",
    "quoted_credits",
    "charged_credits",
    "gpu_seconds",
    "error_code",
    "created_at",
    "started_at",
    "finished_at",
    "expires_at",
]
_KEY_FIELDS = [
    "name",
    "prefix",
    "scopes",
    "allowed_networks",
    "created_at",
    "expires_at",
    "revoked_at",
    "last_used_at",
    "last_used_ip",
]


def visible_videos(user: User) -> QuerySet[Job]:
    """Return the videos of the personal team, and those that the person created in their current teams."""
    teams = Membership.objects.filter(user=user).values("team")
    own = Q(team__personal_of=user) | Q(user=user)
    return Job.objects.filter(own, team__in=teams, deleted_at=None).order_by("pk")


def records_of(user: User) -> Iterator[tuple[str, Iterable[Record]]]:
    """Yield (file name, records) for each kind of data. The records are read lazily."""
    yield "account.json", [_account(user)]
    yield "teams.json", _memberships(user)
    keys = ApiKey.objects.filter(creator=user).select_related("team").order_by("pk")
    yield "api_keys.json", (_fields(key, _KEY_FIELDS) | {"team": key.team.name} for key in keys.iterator(_BATCH_SIZE))
    yield "videos.json", map(_video, visible_videos(user).select_related("team").iterator(_BATCH_SIZE))
    yield "ledger.json", _ledger(user)
    yield "gallery.json", _gallery(user)


def _account(user: User) -> Record:
    methods = Authenticator.objects.filter(user=user).values("type", "created_at", "last_used_at")
    return {
        **_fields(user, ["id", "email", "name", "language", "date_joined", "last_login"]),
        "email_addresses": list(EmailAddress.objects.filter(user=user).values("email", "verified", "primary")),
        "second_factors": list(methods),
        "connected_accounts": list(SocialAccount.objects.filter(user=user).values("provider", "uid", "date_joined")),
        "sessions": list(UserSession.objects.filter(user=user).values("ip", "user_agent", "created_at")),
    }


def _memberships(user: User) -> Iterator[Record]:
    for membership in Membership.objects.filter(user=user).select_related("team").order_by("pk"):
        team = membership.team
        yield {
            "team": team.name,
            "role": membership.role,
            "since": membership.created_at,
            "personal": team.personal_of_id == user.pk,
        }


def _video(job: Job) -> Record:
    return {
        "id": job.public_id,
        "team": job.team.name,
        **_fields(job, _VIDEO_FIELDS),
        "error_message": str(job.error or ""),
    }


def _ledger(user: User) -> Iterator[Record]:
    entries = LedgerEntry.objects.filter(team__personal_of=user).order_by("pk")
    names = ["created_at", "kind", "balance_delta", "reserved_delta", "job_id", "reason"]
    return (_fields(entry, names) for entry in entries.iterator(_BATCH_SIZE))


def _gallery(user: User) -> Iterator[Record]:
    own = Publication.objects.filter(publisher=user, job__in=visible_videos(user)).select_related("job", "team")
    for entry in own.order_by("pk").iterator(_BATCH_SIZE):
        fields = _fields(entry, ["caption", "tags", "is_public", "published_at"])
        yield {"video": entry.job.public_id, "team": entry.team.name, **fields}


def _fields(row: Model, names: Iterable[str]) -> Record:
    return {name: getattr(row, name) for name in names}
