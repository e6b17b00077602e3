"""/v1/limits: the limits that apply to the client, and their remaining amounts."""

from dataclasses import asdict
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.auth.principals import Principal
from accounts.quota.effective_limits import EffectiveLimits, effective_limits_of
from accounts.quota.quotas import quotas_of
from accounts.quota.usage_key import UsageKey
from accounts.roles import Scope
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.models import Job
from jobs.states import State


class PlanSerializer(serializers.Serializer[Any]):
    """The limits of the plan for each video. Null means that the plan sets no limit."""

    name = serializers.CharField()
    max_resolution = serializers.IntegerField(
        allow_null=True, help_text="side of the square whose pixels are the maximum for a frame"
    )
    max_frames = serializers.IntegerField(allow_null=True)
    max_steps = serializers.IntegerField(allow_null=True)
    allowed_formats = serializers.ListField(child=serializers.CharField(), allow_null=True)
    allowed_priorities = serializers.ListField(child=serializers.CharField(), allow_null=True)
    allowed_models = serializers.ListField(child=serializers.CharField(), allow_null=True)
    max_running = serializers.IntegerField()
    retention_days = serializers.IntegerField(allow_null=True)


class QuotaSerializer(serializers.Serializer[Any]):
    """`reset`: seconds until the full amount is available again; null if it is not reset at a time."""

    scope = serializers.ChoiceField(choices=["team", "member", "key"])
    name = serializers.ChoiceField(
        choices=[
            *("credits", "credits_per_month", "videos_per_day", "gpu_seconds_per_month", "storage_bytes"),
            "max_queued",
        ]
    )
    limit = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField()
    remaining = serializers.IntegerField(allow_null=True)
    reset = serializers.IntegerField(allow_null=True)


class RateSerializer(serializers.Serializer[Any]):
    scope = serializers.ChoiceField(choices=["team", "key"])
    requests_per_minute = serializers.IntegerField(allow_null=True)


class LimitsSerializer(serializers.Serializer[Any]):
    object = serializers.ChoiceField(choices=["limits"])
    plan = PlanSerializer()
    quotas = QuotaSerializer(many=True)
    rates = RateSerializer(many=True)


_EXAMPLE = {
    "object": "limits",
    "plan": {
        "name": "standard",
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


class LimitsView(APIView):
    scopes = {"GET": Scope.USAGE_READ}

    @extend_schema(
        operation_id="limits_retrieve",
        summary="Retrieve limits",
        description="The limits of the team, the member and the API key of the request. Days and months are in UTC.",
        responses={200: LimitsSerializer, **ERRORS},
        examples=[OpenApiExample("A team with a plan", value=_EXAMPLE, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> Response:
        principal = principal_of(request)
        effective_limits = effective_limits_of(principal.team)
        names = PlanSerializer().fields.keys() - {"name"}
        return Response(
            {
                "object": "limits",
                "plan": {"name": effective_limits.plan, **{name: getattr(effective_limits, name) for name in names}},
                "quotas": _quotas(principal, effective_limits),
                "rates": _rates(principal),
            }
        )


def _quotas(principal: Principal, effective_limits: EffectiveLimits) -> list[dict[str, Any]]:
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
    queue = {"limit": maximum, "used": queued, "remaining": max(0, maximum - queued), "reset": None}
    return [*map(asdict, quotas), {"scope": "team", "name": "max_queued", **queue}]


def _rates(principal: Principal) -> list[dict[str, Any]]:
    rates = [{"scope": "team", "requests_per_minute": principal.requests_per_minute}]
    if principal.api_key is not None:
        rates.append({"scope": "key", "requests_per_minute": principal.api_key.requests_per_minute})
    return rates
