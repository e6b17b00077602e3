"""Principals: the team and user of a request, from an API key or a browser session."""

import hmac
import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from django.core.cache import cache
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone

from accounts import tenancy
from accounts.audit.models import Verb
from accounts.audit.services import record
from accounts.keys.services import hash_secret
from accounts.models import ApiKey, Membership, Team, User
from accounts.quota.quotas import NO_CAPS, Caps
from accounts.roles import RIGHTS_OF_ROLE, SCOPES_OF_ROLE, Right, Role, Scope
from accounts.teams.services import ensure_personal_team
from accounts.tenancy.postgres.prepared import fetch_one
from common.errors import Forbidden, Unauthenticated
from common.messages import Message

# The last use is recorded at most this often: polling once per second must not write once per second.
LAST_USE_GRANULARITY = timedelta(minutes=1)
# The override's limit, else the plan's. It is read with the principal, so that rate limiting costs no query.
_TEAM_REQUESTS_PER_MINUTE = Coalesce(
    "team__plan_override__requests_per_minute", "team__wallet__plan__requests_per_minute"
)

_SELECTED_FIELDS: dict[Any, list[Any]] = {model: list(model._meta.concrete_fields) for model in (ApiKey, Team, User)}
# Runs with nearly every API request. Prepared once per session, since planning takes ten times as long as running it.
_KEY_QUERY = f"""
SELECT {", ".join(f"{m._meta.db_table}.{f.column}" for m, fields in _SELECTED_FIELDS.items() for f in fields)},
       member.role, member.credits_per_month, member.videos_per_day,
       COALESCE(override.requests_per_minute, plan.requests_per_minute)
FROM accounts_apikey
JOIN accounts_team ON accounts_team.id = accounts_apikey.team_id
JOIN accounts_user ON accounts_user.id = accounts_apikey.creator_id
JOIN accounts_membership member ON member.team_id = accounts_team.id AND member.user_id = accounts_user.id
LEFT JOIN quota_wallet wallet ON wallet.team_id = accounts_team.id
LEFT JOIN quota_plan plan ON plan.id = wallet.plan_id
LEFT JOIN quota_planoverride override ON override.team_id = accounts_team.id
WHERE accounts_apikey.prefix = %(prefix)s::text
"""  # noqa: S608 (only names of the models)


@dataclass(frozen=True)
class Principal:
    """Team, user (or creator of the API key) and permissions of a request."""

    team: Team
    user: User
    role: Role
    scopes: frozenset[Scope]
    api_key: ApiKey | None = None
    # Caps of the member.
    member_caps: Caps = NO_CAPS
    # For a browser session: all teams of the user, to switch between. Empty for an API key.
    teams: tuple[Team, ...] = ()
    # API requests of the whole team; None if unlimited.
    requests_per_minute: int | None = None

    @property
    def key_caps(self) -> Caps | None:
        key = self.api_key
        return None if key is None else Caps(key.credits_per_month, key.videos_per_day)

    def require(self, scope: Scope) -> None:
        """Raise Forbidden if the scope is missing."""
        if scope in self.scopes:
            return
        if self.api_key is not None:
            raise Forbidden(
                "This API key lacks the scope %(scope)s. Use an API key that has it.",
                {"scope": scope.value},
                code="missing_scope",
            )
        raise self.role_too_low()

    @property
    def rights(self) -> frozenset[Right]:
        """The rights of the role, besides the scopes. Also used in templates."""
        return RIGHTS_OF_ROLE[self.role]

    def may(self, right: Right) -> bool:
        return right in self.rights

    def require_right(self, right: Right) -> None:
        """Raise Forbidden if the role lacks the right."""
        if not self.may(right):
            raise self.role_too_low()

    def role_too_low(self) -> Forbidden:
        """Return the error for a missing right."""
        return Forbidden(
            "Your role in this team (%(role)s) does not allow this.",
            {"role": Message(self.role.name.capitalize())},
            code="role_too_low",
        )


def principal_for_key(clear_text: str, *, client_ip: str) -> Principal:
    """Return the principal of `mts_<prefix>_<secret>`, in one query, and activate its team's row policies.

    Raises Unauthenticated.
    """
    parts = clear_text.split("_", 2)
    key = _find_key(parts[1]) if len(parts) == 3 and parts[0] == "mts" else None
    # Hash and compare even without a row, so that timing does not reveal which prefixes exist.
    secret_sha256 = hash_secret(parts[-1])
    if not hmac.compare_digest(bytes(key.secret_sha256) if key else b"\0" * 32, secret_sha256) or key is None:
        raise Unauthenticated(
            "This API key does not exist. Check it, or create a new one on the API keys page.", code="invalid_key"
        )
    _check_usable(key, client_ip)
    role = Role(key.creator_role)  # type: ignore[attr-defined]
    _record_last_use(key, client_ip)
    scopes = frozenset(Scope(scope) for scope in key.scopes) & SCOPES_OF_ROLE[role]
    tenancy.activate(team_id=key.team_id, user_id=key.creator_id, api_key_id=key.pk)
    caps = Caps(key.member_credits, key.member_videos)  # type: ignore[attr-defined]
    return Principal(
        team=key.team,
        user=key.creator,
        role=role,
        scopes=scopes,
        api_key=key,
        member_caps=caps,
        requests_per_minute=key.team_requests_per_minute,  # type: ignore[attr-defined]
    )


def _find_key(prefix: str) -> ApiKey | None:
    """Return the key with team, creator, and the creator's role and caps; None without key or membership."""
    row = None if "\0" in prefix else fetch_one(_KEY_QUERY, {"prefix": prefix})
    if row is None:
        return None
    values = iter(row)
    key, team, creator = (
        model.from_db(DEFAULT_DB_ALIAS, [field.attname for field in fields], list(islice(values, len(fields))))
        for model, fields in _SELECTED_FIELDS.items()
    )
    key.team, key.creator = team, creator
    key.creator_role, key.member_credits, key.member_videos, key.team_requests_per_minute = values
    return key  # type: ignore[no-any-return]


def _check_usable(key: ApiKey, client_ip: str) -> None:
    if key.revoked_at is not None:
        raise Unauthenticated("This API key was revoked. Create a new one on the API keys page.", code="revoked_key")
    if key.expires_at is not None and key.expires_at <= timezone.now():
        raise Unauthenticated("This API key has expired. Create a new one on the API keys page.", code="expired_key")
    if not key.creator.is_active:
        raise Unauthenticated(
            "The account of this API key's creator is closed. Use the API key of another member.",
            code="inactive_account",
        )
    if key.allowed_networks and not is_in_networks(client_ip, key.allowed_networks):
        _record_refusal(key, client_ip)
        raise Unauthenticated(
            "This API key may not be used from your IP address. Change its allowed IP addresses, or use another key.",
            code="address_not_allowed",
        )


def _record_refusal(key: ApiKey, client_ip: str) -> None:
    """Record it in the team's audit log, at most once per minute, so that nobody can flood the log."""
    if cache.add(f"refusal:{key.pk}:{client_ip}", True, timeout=60):
        record(Verb.KEY_REFUSED, team=key.team, api_key=key, target=key)


def is_in_networks(client_ip: str, networks: list[str]) -> bool:
    """Return whether the client IP address is in one of the networks. An unknown one is not."""
    address = _parse_ip(client_ip)
    return address is not None and any(address in ipaddress.ip_network(network) for network in networks)


def _parse_ip(client_ip: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address; None if unknown. An IPv4 client on an IPv6 socket (::ffff:192.0.2.1) becomes IPv4."""
    try:
        address = ipaddress.ip_address(client_ip)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _record_last_use(key: ApiKey, client_ip: str) -> None:
    before = timezone.now() - LAST_USE_GRANULARITY
    if key.last_used_at is None or key.last_used_at < before:
        # Of concurrent requests only one writes.
        unrecorded = ApiKey.objects.filter(Q(last_used_at=None) | Q(last_used_at__lt=before), pk=key.pk)
        address = _parse_ip(client_ip)
        unrecorded.update(last_used_at=timezone.now(), last_used_ip=address and str(address))


def principal_for_session(request: HttpRequest) -> Principal | None:
    """Return the signed-in user in the current team; None if nobody is signed in. Activates the team's row policies.

    Cached for the request, since both the view and its template need it.
    """
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        return None
    principal: Principal | None = getattr(request, "_principal", None)
    if principal is None or principal.user.pk != user.pk:  # signing in changes the user within a request
        principal = use_team(request, user, request.session.get("team"))
    return principal


def use_team(request: HttpRequest, user: User, team_id: int | None) -> Principal:
    """Use this team for the rest of the request, or the personal team if the user is not a member of it."""
    with tenancy.unscoped():  # the row policies of another team may be active
        principal = _principal_in(user, team_id)
    tenancy.activate(team_id=principal.team.pk, user_id=user.pk)
    request._principal = principal  # type: ignore[attr-defined]
    return principal


def _principal_in(user: User, team_id: int | None) -> Principal:
    memberships = (
        Membership.objects.select_related("team")
        .annotate(team_requests_per_minute=_TEAM_REQUESTS_PER_MINUTE)
        .filter(user=user)
    )
    by_team = {membership.team: membership for membership in memberships.order_by("team__name", "team")}
    # If the chosen team was deleted or the user was removed from it, fall back to the personal team.
    team = next((team for team in by_team if team.pk == team_id), None)
    team = team or next((team for team in by_team if team.personal_of_id == user.pk), None)
    if team is None:
        team = ensure_personal_team(user=user)
        by_team[team] = memberships.get(team=team)
    membership = by_team[team]
    role = Role(membership.role)
    return Principal(
        team=team,
        user=user,
        role=role,
        scopes=SCOPES_OF_ROLE[role],
        member_caps=Caps(membership.credits_per_month, membership.videos_per_day),
        teams=tuple(by_team),
        requests_per_minute=membership.team_requests_per_minute,
    )
