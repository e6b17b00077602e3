"""The limits in force for a team: those of its plan, replaced by the team's override where that sets them."""

from dataclasses import dataclass, fields
from typing import Any

from accounts.models import Team
from accounts.quota.models import Wallet
from accounts.tenancy.postgres.prepared import fetch_one


@dataclass(frozen=True, kw_only=True)
class EffectiveLimits:
    """The limits in force. None means unlimited. Names and units are those of the columns of `Limits`."""

    plan: str
    weight: int
    max_running: int
    max_queued: int
    monthly_credits: int | None
    rollover: bool
    max_pixels: int | None
    max_seconds: float | None
    allowed_formats: tuple[str, ...] | None
    allowed_priorities: tuple[str, ...] | None
    allowed_models: tuple[str, ...] | None
    requests_per_minute: int | None
    videos_per_day: int | None
    gpu_seconds_per_month: int | None
    storage_bytes: int | None
    retention_days: int | None


_COLUMNS = tuple(field.name for field in fields(EffectiveLimits) if field.name != "plan")


_STATEMENT = f"""
SELECT plan.name, {", ".join(f"COALESCE(override.{name}, plan.{name})" for name in _COLUMNS)}
FROM quota_wallet wallet
JOIN quota_plan plan ON plan.id = wallet.plan_id
LEFT JOIN quota_planoverride override ON override.team_id = wallet.team_id
WHERE wallet.team_id = %(team)s::bigint
"""  # noqa: S608 (only names of this class)


def effective_limits_of(team: Team) -> EffectiveLimits:
    """Return the team's limits, in one query. Raises Wallet.DoesNotExist for a team without a wallet."""
    row = fetch_one(_STATEMENT, {"team": team.pk})
    if row is None:
        raise Wallet.DoesNotExist
    return EffectiveLimits(**dict(zip(("plan", *_COLUMNS), map(_immutable, row), strict=True)))


def effective_limits_of_wallet(wallet: Wallet) -> EffectiveLimits:
    """Return the limits for a wallet that was selected with `plan` and `team__plan_override`."""
    override = getattr(wallet.team, "plan_override", None)
    return EffectiveLimits(
        plan=wallet.plan.name, **{name: _effective_value(wallet.plan, override, name) for name in _COLUMNS}
    )


def _effective_value(plan: object, override: object | None, name: str) -> Any:
    value = getattr(override, name, None)
    if value is None:
        value = getattr(plan, name)
    if name == "rollover":
        return bool(value)
    return _immutable(value)


def _immutable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
