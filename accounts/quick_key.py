"""A key that is in order, and one row of its team, in a single round trip to the database.

All conditions of `accounts.principals` at once. A key that fails one of them, or whose last use is to be written down,
is not found here: the ordinary way then does that, or says what is the matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.principals import LAST_USE_GRANULARITY
from accounts.roles import SCOPES_OF_ROLE, Scope
from accounts.services import hash_secret
from accounts.tenancy.postgres.round_trip import ENTER, enter_and_look

_KEY = f"""
SELECT key.id, key.team_id, key.creator_id, key.requests_per_minute,
       COALESCE(override.requests_per_minute, plan.requests_per_minute), {ENTER.format(team="key.team_id")}
FROM accounts_apikey key
JOIN accounts_user creator ON creator.id = key.creator_id AND creator.is_active
JOIN accounts_membership member ON member.team_id = key.team_id AND member.user_id = key.creator_id
    AND member.role = ANY(%(roles)s::text[])
LEFT JOIN quota_wallet wallet ON wallet.team_id = key.team_id
LEFT JOIN quota_plan plan ON plan.id = wallet.plan_id
LEFT JOIN quota_planoverride override ON override.team_id = key.team_id
WHERE key.prefix = %(prefix)s::text AND key.secret_sha256 = %(secret)s::bytea AND key.revoked_at IS NULL
    AND (key.expires_at IS NULL OR key.expires_at > clock_timestamp())
    AND key.last_used_at > clock_timestamp() - make_interval(secs => %(unnoted_seconds)s)
    AND key.allowed_networks = '{{}}' AND %(scope)s::text = ANY(key.scopes)
"""  # noqa: S608 (ENTER is a constant)


@dataclass(frozen=True)
class QuickKey:
    """A key that may do what is asked. Calls a minute: of the key and of the whole team; None without limit."""

    id: int
    team_id: int
    creator_id: int
    key_rate: int | None
    team_rate: int | None


def look_with_key(
    clear_text: str, *, scope: Scope, statement: str, parameters: Mapping[str, Any]
) -> tuple[QuickKey, tuple[Any, ...]] | None:
    """The key and the statement's first row, which is read behind the wall of the key's team; None without either."""
    parts = clear_text.split("_", 2)
    if len(parts) != 3 or parts[0] != "mts" or "\0" in parts[1]:
        return None
    key, row = enter_and_look(
        _KEY,
        statement,
        {
            **parameters,
            "prefix": parts[1],
            "secret": hash_secret(parts[2]),
            "scope": scope.value,
            "roles": [role.value for role, scopes in SCOPES_OF_ROLE.items() if scope in scopes],
            "unnoted_seconds": LAST_USE_GRANULARITY.total_seconds(),
        },
    )
    return None if key is None or row is None else (QuickKey(*key[:5]), row)
