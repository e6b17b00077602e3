"""A key that is in order and one row of its team, by a single statement.

All conditions of `accounts.auth.principals` at once. A key that fails one of them, or whose last use is to be written down,
is not found here: the ordinary way then does that, or says what is the matter.
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
JOIN {table} thing ON thing.team_id = key.team_id AND {condition}
LEFT JOIN quota_wallet wallet ON wallet.team_id = key.team_id
LEFT JOIN quota_plan plan ON plan.id = wallet.plan_id
LEFT JOIN quota_planoverride override ON override.team_id = key.team_id
WHERE key.prefix = %(prefix)s::text AND key.secret_sha256 = %(secret)s::bytea AND key.revoked_at IS NULL
    AND (key.expires_at IS NULL OR key.expires_at > clock_timestamp())
    AND key.last_used_at > clock_timestamp() - make_interval(secs => %(unnoted_seconds)s)
    AND key.allowed_networks = '{{}}' AND %(scope)s::text = ANY(key.scopes)
"""
_ROLES_OF_SCOPE = {scope: [role.value for role, scopes in SCOPES_OF_ROLE.items() if scope in scopes] for scope in Scope}


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """A key that may do what is asked. Calls a minute: of the key and of the whole team; None without limit."""

    id: int
    team_id: int
    creator_id: int
    key_requests_per_minute: int | None
    team_requests_per_minute: int | None


def key_statement(*, columns: Sequence[str], table: str, condition: str) -> str:
    """The statement for `look_with_key`: a row of the key's own team, which `condition` calls `thing`."""
    return _STATEMENT.format(columns=", ".join(f"thing.{name}" for name in columns), table=table, condition=condition)


@tenancy.unscoped()  # the statement itself holds key and row to the same team
def authenticate_and_fetch(
    clear_text: str, *, scope: Scope, statement: str, parameters: Mapping[str, Any]
) -> tuple[KeyGrant, tuple[Any, ...]] | None:
    """The key and the columns of the row; None without either. Raises what the database raises."""
    mark, _, rest = clear_text.partition("_")
    prefix, _, secret = rest.partition("_")
    if mark != "mts" or not secret or "\0" in prefix:
        return None
    row = fetch_one(
        statement,
        {
            **parameters,
            "prefix": prefix,
            "secret": hash_secret(secret),
            "scope": scope.value,
            "roles": _ROLES_OF_SCOPE[scope],
            "unnoted_seconds": LAST_USE_GRANULARITY.total_seconds(),
        },
    )
    return None if row is None else (KeyGrant(*row[:5]), row[5:])
