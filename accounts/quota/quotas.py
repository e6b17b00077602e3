"""Quotas and what is left of them: one list, both for checking submissions and for reporting to clients.

Days and months are in UTC, and a video counts on the day when it was submitted.
"""

import datetime
from dataclasses import dataclass

from django.db.models import Q, Sum
from django.utils import timezone

from accounts.quota.effective_limits import EffectiveLimits
from accounts.quota.models import UsageDay, Wallet
from accounts.quota.months import month_after
from accounts.quota.usage_key import UsageKey
from common.errors import LimitExceeded
from common.messages import Message

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Caps:
    """Caps of a member or a key; None means that only the team's own limits apply."""

    credits_per_month: int | None = None
    videos_per_day: int | None = None


NO_CAPS = Caps()


@dataclass(frozen=True, kw_only=True)
class Quota:
    """A quota and its usage. scope: `team`, `member` or `key`. limit, remaining: None if unlimited.

    reset: seconds until the usage is reset; None if it never is.
    """

    scope: str
    name: str
    limit: int | None
    used: int
    remaining: int | None
    reset: int | None


def seconds_until_next_day(day: datetime.date) -> int:
    return _seconds_until(day + _DAY)


def seconds_until_next_month(day: datetime.date) -> int:
    return _seconds_until(month_after(day.replace(day=1)))


def _seconds_until(day: datetime.date) -> int:
    start = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
    return max(1, round((start - timezone.now()).total_seconds()))


def quotas_of(*, usage_key: UsageKey, effective_limits: EffectiveLimits, member: Caps, key: Caps | None) -> list[Quota]:
    """Return all quotas that apply to this usage key, in two queries."""
    used = _usage_sums(usage_key)
    wallet = Wallet.objects.only("balance", "reserved", "stored_bytes").get(team=usage_key.team_id)
    day, month = seconds_until_next_day(usage_key.day), seconds_until_next_month(usage_key.day)

    def quota(scope: str, name: str, limit: int | None, amount: int, reset: int | None) -> Quota:
        left = None if limit is None else max(0, limit - amount)
        return Quota(scope=scope, name=name, limit=limit, used=amount, remaining=left, reset=reset)

    # 1 credit is 1 second of the reference GPU, so reserved credits stand for the GPU seconds of unfinished videos.
    gpu_seconds = round(used["team_gpu_seconds"]) + wallet.reserved
    quotas = [
        Quota(
            scope="team",
            name="credits",
            limit=effective_limits.monthly_credits,
            used=used["team_credits"],
            remaining=wallet.balance,
            reset=None if effective_limits.monthly_credits is None else month,
        ),
        quota("team", "videos_per_day", effective_limits.videos_per_day, used["team_videos"], day),
        quota("team", "gpu_seconds_per_month", effective_limits.gpu_seconds_per_month, gpu_seconds, month),
        quota("team", "storage_bytes", effective_limits.storage_bytes, wallet.stored_bytes, None),
    ]
    for scope, caps in (("member", member), ("key", key)):
        if caps is not None:
            quotas += [
                quota(scope, "credits_per_month", caps.credits_per_month, used[f"{scope}_credits"], month),
                quota(scope, "videos_per_day", caps.videos_per_day, used[f"{scope}_videos"], day),
            ]
    return quotas


def _usage_sums(usage_key: UsageKey) -> dict[str, int]:
    """Return credits of the month and videos of the day, by team, member and key."""
    first = usage_key.day.replace(day=1)
    month = UsageDay.objects.filter(team=usage_key.team_id, day__gte=first, day__lt=month_after(first))
    sums = {"team_gpu_seconds": Sum("gpu_seconds")}
    filters = {"team": Q(), "member": Q(user=usage_key.user_id), "key": Q(api_key=usage_key.api_key_id)}
    for scope, rows in filters.items():
        sums[f"{scope}_credits"] = Sum("credits", filter=rows)
        sums[f"{scope}_videos"] = Sum("videos", filter=rows & Q(day=usage_key.day))
    return {name: value or 0 for name, value in month.aggregate(**sums).items()}


def check_quotas(
    *,
    usage_key: UsageKey,
    credits: int,  # noqa: A002 (the product's word)
    effective_limits: EffectiveLimits,
    member: Caps,
    key: Caps | None,
) -> None:
    """Raise LimitExceeded (`quota_exceeded`) if a video, whose usage was just counted, exceeds a quota.

    Exact under concurrency in the transaction of `reserve`: until it ends, the wallet's lock protects the counts.
    The credits of the team are not checked here, since `reserve` checks them.
    """
    limited = (effective_limits.videos_per_day, effective_limits.gpu_seconds_per_month, effective_limits.storage_bytes)
    if {*limited} == {None} and member == NO_CAPS and key in {None, NO_CAPS}:
        return
    quotas = quotas_of(usage_key=usage_key, effective_limits=effective_limits, member=member, key=key)
    check_usage(quotas, credits=credits, is_counted=True)


def check_usage(quotas: list[Quota], *, credits: int, is_counted: bool) -> None:  # noqa: A002 (the product's word)
    """Raise LimitExceeded (`quota_exceeded`) if a video exceeds one of the quotas.

    is_counted: whether `used` of the quotas includes the video.
    """
    needs = {"credits_per_month": credits, "videos_per_day": 1, "gpu_seconds_per_month": credits}
    for quota in quotas:
        if quota.name == "credits" or quota.limit is None:
            continue
        needed = needs.get(quota.name, 0)
        before = quota.used - needed if is_counted else quota.used
        # The size of a video is known only when it is finished: the video that fills the storage is still accepted.
        is_full = before >= quota.limit if quota.name == "storage_bytes" else before + needed > quota.limit
        if is_full:
            raise _exceeded(quota, before, needed)


def _exceeded(quota: Quota, before: int, needed: int) -> LimitExceeded:
    left = max(0, (quota.limit or 0) - before)
    params = {"limit": quota.limit, "left": left, "needed": needed}
    messages = {
        ("team", "videos_per_day"): Message(
            "Your team has reached its plan's daily limit of videos (%(limit)s). Try again tomorrow (UTC).", params
        ),
        ("team", "gpu_seconds_per_month"): Message(
            "Your team's monthly limit of GPU seconds is %(limit)s and it has %(left)s left. "
            "This video needs %(needed)s. Choose a smaller preset, or wait for the next month.",
            params,
        ),
        ("team", "storage_bytes"): Message(
            "Your team has reached its plan's storage limit in bytes (%(limit)s). Delete videos that you do not need.",
            params,
        ),
        ("member", "credits_per_month"): Message(
            "Your monthly limit of credits is %(limit)s and you have %(left)s left. "
            "This video needs %(needed)s. Choose a smaller preset, or ask an admin of the team for a higher limit.",
            params,
        ),
        ("member", "videos_per_day"): Message(
            "You have reached your daily limit of videos (%(limit)s). "
            "Try again tomorrow (UTC), or ask an admin of the team for a higher limit.",
            params,
        ),
        ("key", "credits_per_month"): Message(
            "The monthly limit of credits of this API key is %(limit)s and it has %(left)s left. "
            "This video needs %(needed)s. Choose a smaller preset, or ask an admin of the team for a higher limit.",
            params,
        ),
        ("key", "videos_per_day"): Message(
            "This API key has reached its daily limit of videos (%(limit)s). "
            "Try again tomorrow (UTC), or ask an admin of the team for a higher limit.",
            params,
        ),
    }
    extra = {"scope": quota.scope, "quota": quota.name, "limit": quota.limit, "remaining": left, "reset": quota.reset}
    return LimitExceeded(
        messages[quota.scope, quota.name], code="quota_exceeded", extra=extra, retry_after_seconds=quota.reset
    )
