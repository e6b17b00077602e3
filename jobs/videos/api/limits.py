"""/v1/limits: the limits that apply to the client, and their remaining amounts."""

import math
from typing import Annotated, Literal, TypedDict

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.auth.principals import Principal
from accounts.quota.effective_limits import EffectiveLimits, effective_limits_of
from accounts.quota.quotas import Quota, quotas_of
from accounts.quota.usage_key import UsageKey
from accounts.roles import Scope
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.shapes import serializer_of
from jobs.models import Job
from jobs.states import State


class PlanShape(TypedDict):
    """The limits of the plan for each video. Null means that the plan sets no limit."""

    name: str
    max_pixels: Annotated[int | None, {"help_text": "width x height of a frame"}]
    max_seconds: Annotated[
        float | None, {"help_text": "length of the longest video: what a request for these `seconds` gets"}
    ]
    max_resolution: Annotated[int | None, {"help_text": "deprecated: the square root of `max_pixels`"}]
    max_frames: Annotated[int | None, {"help_text": "deprecated: the frames of `max_seconds` at 8 fps"}]
    max_steps: Annotated[int | None, {"help_text": "deprecated: always null, as plans do not limit steps"}]
    allowed_formats: list[str] | None
    allowed_priorities: list[str] | None
    allowed_models: list[str] | None
    max_running: int
    retention_days: int | None


QUOTA_NAMES = [
    *("credits", "credits_per_month", "videos_per_day", "gpu_seconds_per_month", "storage_bytes"),
    "max_queued",
]


class QuotaShape(TypedDict):
    """`reset`: seconds until the full amount is available again; null if it is not reset at a time."""

    scope: Annotated[str, {"choices": ["team", "member", "key"]}]
    name: Annotated[str, {"choices": QUOTA_NAMES}]
    limit: int | None
    used: int
    remaining: int | None
    reset: int | None


class RateShape(TypedDict):
    scope: Annotated[str, {"choices": ["team", "key"]}]
    requests_per_minute: int | None


class LimitsShape(TypedDict):
    object: Literal["limits"]
    plan: PlanShape
    quotas: list[QuotaShape]
    rates: list[RateShape]


_EXAMPLE = {
    "object": "limits",
    "plan": {
        "name": "standard",
        "max_pixels": 589824,
        "max_seconds": 3.0,
        "max_resolution": 768,
        "max_frames": 24,
        "max_steps": None,
        "allowed_formats": ["mp4"],
        "allowed_priorities": ["low", "normal"],
        "allowed_models": None,
        "max_running": 4,
        "retention_days": 30,
    },
    "quotas": [
        {"scope": "team", "name": "credits", "limit": 5000, "used": 1250, "remaining": 3750, "reset": 864000},
        {"scope": "team", "name": "videos_per_day", "limit": 200, "used": 12, "remaining": 188, "reset": 40000},
        {"scope": "team", "name": "storage_bytes", "limit": None, "used": 52428800, "remaining": None, "reset": None},
        {"scope": "key", "name": "credits_per_month", "limit": 500, "used": 500, "remaining": 0, "reset": 864000},
    ],
    "rates": [{"scope": "team", "requests_per_minute": 600}, {"scope": "key", "requests_per_minute": None}],
}


# The default rate of the models when plans limited frames.
_FORMER_FPS = 8


class LimitsView(APIView):
    scopes = {"GET": Scope.USAGE_READ}

    @extend_schema(
        operation_id="limits_retrieve",
        summary="Retrieve limits",
        description="The limits of the team, the member and the API key of the request. Days and months are in UTC.",
        responses={200: serializer_of(LimitsShape), **ERRORS},
        examples=[OpenApiExample("A team with a plan", value=_EXAMPLE, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> Response:
        principal = principal_of(request)
        effective_limits = effective_limits_of(principal.team)
        body: LimitsShape = {
            "object": "limits",
            "plan": _plan(effective_limits),
            "quotas": _quotas(principal, effective_limits),
            "rates": _rates(principal),
        }
        return Response(body)


def _plan(effective_limits: EffectiveLimits) -> PlanShape:
    pixels, seconds = effective_limits.max_pixels, effective_limits.max_seconds
    return {
        "name": effective_limits.plan,
        "max_pixels": pixels,
        "max_seconds": seconds,
        "max_resolution": None if pixels is None else math.isqrt(pixels),
        "max_frames": None if seconds is None else int(seconds * _FORMER_FPS),
        "max_steps": None,
        "allowed_formats": _as_list(effective_limits.allowed_formats),
        "allowed_priorities": _as_list(effective_limits.allowed_priorities),
        "allowed_models": _as_list(effective_limits.allowed_models),
        "max_running": effective_limits.max_running,
        "retention_days": effective_limits.retention_days,
    }


def _as_list(names: tuple[str, ...] | None) -> list[str] | None:
    return None if names is None else list(names)


def _quotas(principal: Principal, effective_limits: EffectiveLimits) -> list[QuotaShape]:
    key = principal.api_key
    usage_key = UsageKey(
        team_id=principal.team.pk,
        user_id=principal.user.pk,
        api_key_id=None if key is None else key.pk,
        model="",
        day=timezone.now().date(),
    )
    quotas = quotas_of(
        usage_key=usage_key, effective_limits=effective_limits, member=principal.member_caps, key=principal.key_caps
    )
    queued, maximum = Job.objects.filter(team=principal.team, state=State.QUEUED).count(), effective_limits.max_queued
    remaining = max(0, maximum - queued)
    queue = Quota(scope="team", name="max_queued", limit=maximum, used=queued, remaining=remaining, reset=None)
    return [_quota(quota) for quota in (*quotas, queue)]


def _quota(quota: Quota) -> QuotaShape:
    return {
        "scope": quota.scope,
        "name": quota.name,
        "limit": quota.limit,
        "used": quota.used,
        "remaining": quota.remaining,
        "reset": quota.reset,
    }


def _rates(principal: Principal) -> list[RateShape]:
    rates: list[RateShape] = [{"scope": "team", "requests_per_minute": principal.requests_per_minute}]
    if principal.api_key is not None:
        rates.append({"scope": "key", "requests_per_minute": principal.api_key.requests_per_minute})
    return rates
