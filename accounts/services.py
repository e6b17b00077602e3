"""Writes to accounts: people, their teams, their keys."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts import tenancy
from accounts.models import ApiKey, Membership, Team, User
from accounts.quota.services import open_wallet
from accounts.roles import Role, Scope


@tenancy.outside()  # the new team is not the one for which this request runs
@transaction.atomic
def create_team(*, name: str, owner: User, personal: bool = False) -> Team:
    """A team with its owner and an opened wallet."""
    team = Team.objects.create(name=name, personal_of=owner if personal else None)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    open_wallet(team=team)
    return team


def ensure_personal_team(*, user: User) -> Team:
    """The team that every user has from the first minute on; made if missing."""
    with transaction.atomic():
        # Two signups' first requests may come here together; the row lock lets the second find the first's team.
        User.objects.select_for_update().get(pk=user.pk)
        team = Team.objects.filter(personal_of=user).first()
        return team or create_team(name=user.name or user.email.split("@")[0], owner=user, personal=True)


def create_api_key(
    *,
    team: Team,
    creator: User,
    name: str,
    scopes: Iterable[Scope] = tuple(Scope),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """A new key and its clear text, `mts_<prefix>_<secret>`, which is shown once and kept nowhere."""
    prefix = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)  # 256 bits
    key = ApiKey.objects.create(
        team=team,
        creator=creator,
        name=name,
        prefix=prefix,
        secret_sha256=hash_secret(secret),
        scopes=sorted(scopes),
        expires_at=expires_at,
    )
    return key, f"mts_{prefix}_{secret}"


def hash_secret(secret: str) -> bytes:
    """SHA-256, 32 bytes. The secret has 256 random bits, so a slow password hash would only cost time."""
    return hashlib.sha256(secret.encode()).digest()


def revoke_api_key(*, key: ApiKey) -> bool:
    """Ends a key at once. Returns False when it was revoked already."""
    return bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()))
