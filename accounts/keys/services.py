"""Services for API keys."""

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
    """Create a key. Returns it with its clear text, `mts_<prefix>_<secret>`, which is shown once and not stored.

    columns: `expires_at`, `allowed_networks` and caps, if any.
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
    """Return the SHA-256 hash, 32 bytes. A secret has 256 random bits, so a slow password hash is not needed."""
    return hashlib.sha256(secret.encode()).digest()


def update_api_key(*, key: ApiKey, **columns: Any) -> bool:
    """Change name, allowed networks or caps of a key from the next request on. Returns False if it is revoked."""
    for name, value in columns.items():
        setattr(key, name, value)
    return bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(**columns))


@transaction.atomic
def rotate_api_key(*, key: ApiKey, overlap: timedelta) -> tuple[ApiKey, str]:
    """Replace a key by a new one with the same permissions. The old one keeps working for `overlap`.

    The new key gets the lifetime of the old one. Raises Conflict if the old one is not valid or was already rotated, so
    that two concurrent requests create one key.
    """
    now = timezone.now()
    usable = ApiKey.objects.select_for_update().filter(Q(expires_at=None) | Q(expires_at__gt=now), revoked_at=None)
    old = usable.filter(pk=key.pk).first()
    if old is None or ApiKey.objects.filter(rotated_from=old).exists():
        raise Conflict(
            "This API key was already rotated, or is no longer valid. Create a new one.", code="key_not_rotatable"
        )
    overlap_ends_at = now + overlap
    ApiKey.objects.filter(pk=old.pk).update(expires_at=min(overlap_ends_at, old.expires_at or overlap_ends_at))
    copied = ("allowed_networks", "credits_per_month", "videos_per_day", "requests_per_minute")
    return create_api_key(
        team=old.team,
        creator=old.creator,
        name=old.name,
        scopes=[Scope(scope) for scope in old.scopes],
        expires_at=old.expires_at and now + (old.expires_at - old.created_at),
        rotated_from=old,
        **{name: getattr(old, name) for name in copied},
    )


def revoke_api_key(*, key: ApiKey) -> bool:
    """Revoke a key at once. Returns False if it was already revoked."""
    return bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()))
