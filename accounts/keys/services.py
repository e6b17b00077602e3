"""Writes to accounts: people, their teams, their keys."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import ApiKey, Team, User
from accounts.roles import Scope
from common.errors import Conflict


def create_api_key(
    *,
    team: Team,
    creator: User,
    name: str,
    scopes: Iterable[Scope] = tuple(Scope),
    **columns: Any,
) -> tuple[ApiKey, str]:
    """A new key and its clear text, `mts_<prefix>_<secret>`, which is shown once and kept nowhere.

    columns: `expires_at`, `allowed_networks` and caps, where the key has any.
    """
    prefix = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)  # 256 bits
    key = ApiKey.objects.create(
        team=team,
        creator=creator,
        name=name,
        prefix=prefix,
        secret_sha256=hash_secret(secret),
        scopes=sorted(scopes),
        **columns,
    )
    return key, f"mts_{prefix}_{secret}"


def hash_secret(secret: str) -> bytes:
    """SHA-256, 32 bytes. The secret has 256 random bits, so a slow password hash would only cost time."""
    return hashlib.sha256(secret.encode()).digest()


def update_api_key(*, key: ApiKey, **columns: Any) -> bool:
    """Changes name, addresses or caps of a key, from the next request on. Returns False when it was revoked."""
    for name, value in columns.items():
        setattr(key, name, value)
    return bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(**columns))


@transaction.atomic
def rotate_api_key(*, key: ApiKey, overlap: timedelta) -> tuple[ApiKey, str]:
    """A new key in the place of an old one, with all that it may do; the old one works on for `overlap`, no longer.

    The new one lives as long as the old one was meant to. Raises Conflict when the old one does not work any more, or
    has a successor: two clicks make one key.
    """
    now = timezone.now()
    usable = ApiKey.objects.select_for_update().filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
    old = usable.filter(pk=key.pk).first()
    if old is None or ApiKey.objects.filter(rotated_from=old).exists():
        raise Conflict("This key was rotated already, or does not work any more.", code="key_not_rotatable")
    ends = now + overlap
    ApiKey.objects.filter(pk=old.pk).update(expires_at=min(ends, old.expires_at or ends))
    same = ("allowed_networks", "credits_per_month", "videos_per_day", "requests_per_minute")
    return create_api_key(
        team=old.team,
        creator=old.creator,
        name=old.name,
        scopes=[Scope(scope) for scope in old.scopes],
        expires_at=old.expires_at and now + (old.expires_at - old.created_at),
        rotated_from=old,
        **{name: getattr(old, name) for name in same},
    )


def revoke_api_key(*, key: ApiKey) -> bool:
    """Ends a key at once. Returns False when it was revoked already."""
    return bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()))
