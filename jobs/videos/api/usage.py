"""/v1/usage: the usage of the team between two days, by day, member, key or model."""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
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
from jobs.api.field_errors import error_detail, field_error
from jobs.api.fields import ChoiceField, StrictSerializer, TextField
from jobs.api.shapes import Day, serializer_of
from jobs.api.validation import validate

_MAX_DAYS = 366
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_GROUPS = ("day", "member", "key", "model")
_GROUP_COLUMNS = {"day": "day", "member": "user", "key": "api_key", "model": "model"}


class DayField(TextField):
    """A day in the form `2026-03-31`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=40, **kwargs)
        self.validators = []  # the framework's check the length of the parsed value

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        try:
            if _DAY.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:  # February has no 30th
            pass
        raise field_error("This is not a valid date. Use the form YYYY-MM-DD, such as 2026-03-31.", code="no_date")


class UsageQuerySerializer(StrictSerializer):
    """Unknown parameters are rejected, since a misspelt `from` would silently return another period."""

    group_by = ChoiceField(choices=_GROUPS, default="day")

    def get_fields(self) -> dict[str, Any]:
        return {"from": DayField(required=False), "to": DayField(required=False), **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Set the defaults: `to` is today, `from` is the first day of its month."""
        last = attrs.setdefault("to", max(timezone.now().date(), attrs.get("from", date.min)))
        first = attrs.setdefault("from", last.replace(day=1))
        if first > last:
            detail = error_detail("The day is after `to`, %(to)s. Send an earlier day.", {"to": last}, code="invalid")
            raise serializers.ValidationError({"from": [detail]})
        if last - first >= timedelta(days=_MAX_DAYS):
            detail = error_detail(
                "The period is longer than %(limit)s days. Send several requests for shorter periods.",
                {"limit": _MAX_DAYS},
                code="invalid",
            )
            raise serializers.ValidationError({"from": [detail]})
        return attrs


class UsageTotalsShape(TypedDict):
    credits: Annotated[int, {"help_text": "charged, or reserved for videos that are not finished"}]
    videos: Annotated[int, {"help_text": "completed, or not finished"}]
    completed: int
    gpu_seconds: float


class UsageMemberShape(TypedDict):
    email: str | None
    name: str
    deleted: Annotated[bool, {"help_text": "the account was deleted; email is null"}]


class UsageKeyShape(TypedDict):
    prefix: str | None
    name: str
    state: Annotated[str, {"choices": ["live", "revoked", "expired", "deleted"]}]


class UsageRowShape(UsageTotalsShape):
    day: NotRequired[Annotated[Day, {"help_text": "with group_by=day; days without usage are included"}]]
    member: NotRequired[Annotated[UsageMemberShape, {"help_text": "with group_by=member"}]]
    key: NotRequired[Annotated[UsageKeyShape | None, {"help_text": "with group_by=key; null is the browser"}]]
    model: NotRequired[Annotated[str, {"help_text": "with group_by=model"}]]


# `from` is a keyword, so this shape has no class.
UsageReportShape = TypedDict(
    "UsageReportShape",
    {
        "object": Literal["usage"],
        "from": Day,
        "to": Day,
        "group_by": Annotated[str, {"choices": _GROUPS}],
        "data": list[UsageRowShape],
        "total": UsageTotalsShape,
    },
)


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
        summary="Retrieve usage",
        description=(
            "Days are in UTC. A video counts on the day of its submit. Members who may not see the usage of others "
            "receive only their own rows with `group_by=member` and `group_by=key`. `total` is the sum of the rows."
        ),
        parameters=[
            OpenApiParameter("from", date, description="First day. Default: the first day of the month of `to`"),
            OpenApiParameter("to", date, description=f"Last day. Default: today. At most {_MAX_DAYS} days in all"),
            OpenApiParameter("group_by", str, enum=_GROUPS, default="day"),
        ],
        responses={200: serializer_of(UsageReportShape), **ERRORS},
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
        body: UsageReportShape = {
            "object": "usage",
            "from": query["from"].isoformat(),
            "to": query["to"].isoformat(),
            "group_by": query["group_by"],
            "data": [cast(UsageRowShape, {**group, **_totals(totals)}) for group, totals in data],
            "total": _totals(selectors.sum_totals(totals for _group, totals in data)),
        }
        return Response(body)


def _totals(totals: UsageTotals) -> UsageTotalsShape:
    return {
        "credits": totals.credits,
        "videos": totals.videos,
        "completed": totals.completed,
        "gpu_seconds": round(totals.gpu_seconds, 3),
    }


def _rows(principal: Principal, query: dict[str, Any]) -> list[tuple[dict[str, Any], UsageTotals]]:
    first, last, group = query["from"], query["to"], query["group_by"]
    rows = selectors.usage_between(team=principal.team, first=first, last=last)
    if group == "day":
        days = selectors.usage_by_day(rows, first=first, last=last)
        return [({"day": day.isoformat()}, totals) for day, totals in days.items()]
    if group in {"member", "key"}:
        rows = selectors.visible_to(principal, rows)
    totals_by_value = selectors.usage_by(rows, _GROUP_COLUMNS[group])
    as_json = {"member": _members_as_json, "key": _keys_as_json}.get(
        group, lambda _team, models: {name: name for name in models}
    )
    descriptions = as_json(principal.team, set(totals_by_value))
    return [({group: descriptions[value]}, totals) for value, totals in totals_by_value.items()]


def _members_as_json(_team: Team, ids: set[int | None]) -> dict[int | None, Any]:
    users = selectors.users_by_id(ids)
    return {identifier: _member_as_json(users.get(identifier or 0)) for identifier in ids}


def _member_as_json(user: User | None) -> UsageMemberShape:
    email = selectors.email_of(user)
    return {"email": email or None, "name": selectors.name_of_user(user), "deleted": not email}


def _keys_as_json(team: Team, ids: set[int | None]) -> dict[int | None, Any]:
    keys = selectors.api_keys_by_id(team, ids)
    return {identifier: _key_as_json(identifier, keys.get(identifier or 0)) for identifier in ids}


def _key_as_json(identifier: int | None, key: ApiKey | None) -> UsageKeyShape | None:
    if identifier is None:
        return None
    name = selectors.name_of_key(identifier, key)
    return {"prefix": key.prefix if key else None, "name": name, "state": key.state if key else "deleted"}
