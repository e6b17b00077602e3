"""Fast path: authenticate an API key and fetch one row of its team in a single statement.

The statement checks all conditions of `accounts.auth.principals`. If one fails, or if the last use has to be recorded,
it finds nothing, and the normal path records the use or produces the error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts import tenancy
from accounts.auth.principals import LAST_USE_GRANULARITY
from accounts.keys.services import hash_secret
from accounts.roles import SCOPES_OF_ROLE, Scope
from accounts.tenancy.postgres.prepared import fetch_one

_STATEMENT = """
SELECT key.id, key.team_id, key.creator_id, key.requests_per_minute,
       COALESCE(override.requests_per_minute, plan.requests_per_minute), {columns}
FROM accounts_apikey key
JOIN accounts_user creator ON creator.id = key.creator_id AND creator.is_active
JOIN accounts_membership member ON member.team_id = key.team_id AND member.user_id = key.creator_id
    AND member.role = ANY(%(roles)s::text[])
JOIN {table} resource ON resource.team_id = key.team_id AND {condition}
LEFT JOIN quota_wallet wallet ON wallet.team_id = key.team_id
LEFT JOIN quota_plan plan ON plan.id = wallet.plan_id
LEFT JOIN quota_planoverride override ON override.team_id = key.team_id
WHERE key.prefix = %(prefix)s::text AND key.secret_sha256 = %(secret)s::bytea AND key.revoked_at IS NULL
    AND (key.expires_at IS NULL OR key.expires_at > clock_timestamp())
    AND key.last_used_at > clock_timestamp() - make_interval(secs => %(last_use_granularity_seconds)s)
    AND key.allowed_networks = '{{}}' AND %(scope)s::text = ANY(key.scopes)
"""
_ROLES_OF_SCOPE = {scope: [role.value for role, scopes in SCOPES_OF_ROLE.items() if scope in scopes] for scope in Scope}


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """A valid key with the required scope. Requests per minute of the key and of the whole team; None if unlimited."""

    id: int
    team_id: int
    creator_id: int
    key_requests_per_minute: int | None
    team_requests_per_minute: int | None


def key_statement(*, columns: Sequence[str], table: str, condition: str) -> str:
    """Return a statement for `authenticate_and_fetch`. `condition` refers to the row as `resource`."""
    return _STATEMENT.format(
        columns=", ".join(f"resource.{name}" for name in columns), table=table, condition=condition
    )


@tenancy.unscoped()  # the statement itself requires key and row to be of the same team
def authenticate_and_fetch(
    clear_text: str, *, scope: Scope, statement: str, parameters: Mapping[str, Any]
) -> tuple[KeyGrant, tuple[Any, ...]] | None:
    """Return the key and the columns of the row; None if either is missing. Errors of the database are raised."""
    marker, _, rest = clear_text.partition("_")
    prefix, _, secret = rest.partition("_")
    if marker != "mts" or not secret or "\0" in prefix:
        return None
    row = fetch_one(
        statement,
        {
            **parameters,
            "prefix": prefix,
            "secret": hash_secret(secret),
            "scope": scope.value,
            "roles": _ROLES_OF_SCOPE[scope],
            "last_use_granularity_seconds": LAST_USE_GRANULARITY.total_seconds(),
        },
    )
    return None if row is None else (KeyGrant(*row[:5]), row[5:])
