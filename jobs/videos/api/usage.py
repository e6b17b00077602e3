"""/v1/usage: what the team used between two days, by day, member, key or model."""

import re
from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.auth.principals import Principal
from accounts.models import ApiKey, Team, User
from accounts.quota import selectors
from accounts.quota.selectors import UsageTotals
from accounts.roles import Scope
from jobs.api.authentication import principal_of
from jobs.api.error_schema import ERRORS
from jobs.api.fields import ChoiceField, StrictSerializer, TextField
from jobs.api.validation import validate

_MAX_DAYS = 366
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_GROUPS = ("day", "member", "key", "model")
_GROUP_COLUMNS = {"day": "day", "member": "user", "key": "api_key", "model": "model"}


class DayField(TextField):
    """A day, as `2026-03-31`."""

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        try:
            if _DAY.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:  # February has no 30th
            pass
        raise serializers.ValidationError("Write a day that exists as YYYY-MM-DD, such as 2026-03-31.", code="no_date")


class UsageQuerySerializer(StrictSerializer):
    """Unknown names are refused: a misspelt `from` would silently ask for another time."""

    group_by = ChoiceField(choices=_GROUPS, default="day")

    def get_fields(self) -> dict[str, Any]:
        return {"from": DayField(required=False), "to": DayField(required=False), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fills in what is not given: to today, from the first of that day's month."""
        last = attrs.setdefault("to", max(timezone.now().date(), attrs.get("from", date.min)))
        first = attrs.setdefault("from", last.replace(day=1))
        if first > last:
            raise serializers.ValidationError({"from": [f"Lies after `to`, {last}. Give an earlier day."]})
        if last - first >= timedelta(days=_MAX_DAYS):
            raise serializers.ValidationError({"from": [f"More than {_MAX_DAYS} days before `to`. Ask in parts."]})
        return attrs


class UsageTotalsSerializer(serializers.Serializer[Any]):
    credits = serializers.IntegerField(help_text="charged, or promised to videos that are not done yet")
    videos = serializers.IntegerField(help_text="completed, or not done yet")
    completed = serializers.IntegerField()
    gpu_seconds = serializers.FloatField()


class UsageMemberSerializer(serializers.Serializer[Any]):
    email = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    deleted = serializers.BooleanField(help_text="the account is gone; email is null")


class UsageKeySerializer(serializers.Serializer[Any]):
    prefix = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["live", "revoked", "expired", "deleted"])


class UsageRowSerializer(UsageTotalsSerializer):
    day = serializers.DateField(required=False, help_text="with group_by=day: every day, also those without use")
    member = UsageMemberSerializer(required=False, help_text="with group_by=member")
    key = UsageKeySerializer(required=False, allow_null=True, help_text="with group_by=key; null is the browser")
    model = serializers.CharField(required=False, help_text="with group_by=model")


def _response_schema() -> Any:
    fields: dict[str, Any] = {
        "object": serializers.ChoiceField(choices=["usage"]),
        "from": serializers.DateField(),
        "to": serializers.DateField(),
        "group_by": serializers.ChoiceField(choices=_GROUPS),
        "data": UsageRowSerializer(many=True),
        "total": UsageTotalsSerializer(),
    }
    return inline_serializer("UsageReport", fields)


_EXAMPLE_TOTALS = {"credits": 52, "videos": 3, "completed": 2, "gpu_seconds": 47.25}


def _example(group_by: str, name: str, value: Any) -> OpenApiExample:
    body = {"object": "usage", "from": "2026-03-01", "to": "2026-03-31", "group_by": group_by}
    return OpenApiExample(
        f"by {group_by}",
        value={**body, "data": [{name: value, **_EXAMPLE_TOTALS}], "total": _EXAMPLE_TOTALS},
        response_only=True,
    )


class UsageView(APIView):
    scopes = {"GET": Scope.USAGE_READ}

    @extend_schema(
        operation_id="usage_retrieve",
        summary="See what was used",
        description=(
            "Days are those of UTC; a video counts on the day of its submit. Members who may not see what others use "
            "get their own rows alone with `group_by=member` and `group_by=key`; `total` is that of the rows."
        ),
        parameters=[
            OpenApiParameter("from", date, description="First day; the first of the month of `to` by default"),
            OpenApiParameter("to", date, description=f"Last day; today by default. At most {_MAX_DAYS} days in all"),
            OpenApiParameter("group_by", str, enum=_GROUPS, default="day"),
        ],
        responses={200: _response_schema(), **ERRORS},
        examples=[
            _example("day", "day", "2026-03-14"),
            _example("member", "member", {"email": "ana@example.com", "name": "Ana", "deleted": False}),
            _example("key", "key", {"prefix": "0a1b2c3d4e5f", "name": "batch", "state": "live"}),
            _example("model", "model", "i2vgen-xl"),
        ],
    )
    def get(self, request: Request) -> Response:
        query = validate(UsageQuerySerializer, request.query_params)
        data = _rows(principal_of(request), query)
        return Response(
            {
                "object": "usage",
                "from": query["from"].isoformat(),
                "to": query["to"].isoformat(),
                "group_by": query["group_by"],
                "data": [{**named, **used.as_json()} for named, used in data],
                "total": selectors.sum_totals(used for _named, used in data).as_json(),
            }
        )


def _rows(principal: Principal, query: dict[str, Any]) -> list[tuple[dict[str, Any], UsageTotals]]:
    first, last, group = query["from"], query["to"], query["group_by"]
    rows = selectors.usage_between(team=principal.team, first=first, last=last)
    if group == "day":
        days = selectors.usage_by_day(rows, first=first, last=last)
        return [({"day": day.isoformat()}, used) for day, used in days.items()]
    if group in {"member", "key"}:
        rows = selectors.visible_to(principal, rows)
    found = selectors.usage_by(rows, _GROUP_COLUMNS[group])
    names = {"member": _members_as_json, "key": _keys_as_json}.get(
        group, lambda _team, models: {name: name for name in models}
    )
    named = names(principal.team, set(found))
    return [({group: named[value]}, used) for value, used in found.items()]


def _members_as_json(_team: Team, ids: set[int | None]) -> dict[int | None, Any]:
    people = selectors.users_by_id(ids)
    return {identifier: _member_as_json(people.get(identifier or 0)) for identifier in ids}


def _member_as_json(user: User | None) -> dict[str, Any]:
    email = selectors.email_of(user)
    return {"email": email or None, "name": selectors.name_of_user(user), "deleted": not email}


def _keys_as_json(team: Team, ids: set[int | None]) -> dict[int | None, Any]:
    known = selectors.api_keys_by_id(team, ids)
    return {identifier: _key_as_json(identifier, known.get(identifier or 0)) for identifier in ids}


def _key_as_json(identifier: int | None, key: ApiKey | None) -> dict[str, Any] | None:
    if identifier is None:
        return None
    name = selectors.name_of_key(identifier, key)
    return {"prefix": key.prefix if key else None, "name": name, "state": key.state if key else "deleted"}
